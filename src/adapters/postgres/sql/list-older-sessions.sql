-- Lists the sessions of services in this database that may call functions which the migration 0012 drops: those that are
-- not marked by check-session. A service is recognised by the name of its sessions or, where its URL sets another name or
-- it is embedded in another program, by its last statement. It checks its database each second. is_hidden: this role may
-- not see the last statement of that session, which may be one of a service.
-- Locks: none.
select a.pid, a.application_name as name, host(a.client_addr) as address, a.backend_start as since,
  a.usename as role, current_user as own_role,
  a.application_name <> 'firstcome' and a.query = '<insufficient privilege>' as is_hidden
from pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid() and a.application_name not like 'firstcome %'
  and (
    a.application_name = 'firstcome'
    -- What works for the server itself, such as autovacuum, has no role.
    or a.query = '<insufficient privilege>' and a.usesysid is not null
    or a.query ~ '\m(?:require_primary|installation_identity|claim_batch|claim_bundle|void_batch)\('
  )
  and not exists (
    select from pg_locks l
    where l.pid = a.pid and l.locktype = 'advisory' and l.objsubid = 2 and l.classid = 1718775661 and l.objid >= 12
  )
order by a.backend_start, a.pid
