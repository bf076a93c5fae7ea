-- Returns how many connections this role may have at the same time, by the lowest limit of server, database and role,
-- and how many of them are free now, not counting this session.
-- A superuser may use the slots reserved for superusers, and the other limits do not apply to one. PostgreSQL 16
-- reserves further slots for a role of its own. The process id of the server shows whether a pooler is in between.
-- Locks: none.
with sessions as (
  select count(*) as all_of_them,
    count(*) filter (where datname = current_database()) as here,
    count(*) filter (where usename = session_user) as ours
  from pg_stat_activity
  -- Every role sees the owner of a session, but not its kind.
  where datid is not null and usesysid is not null and pid <> pg_backend_pid()
    and coalesce(backend_type, 'client backend') = 'client backend'
), limits as (
  select current_setting('max_connections')::integer
      - case when me.rolsuper then 0
        else current_setting('superuser_reserved_connections')::integer
          + coalesce(current_setting('reserved_connections', true)::integer, 0) end as server_max,
    -- -1 means no limit; least() ignores null.
    case when db.datconnlimit >= 0 and not me.rolsuper then db.datconnlimit end as database_max,
    case when me.rolconnlimit >= 0 and not me.rolsuper then me.rolconnlimit end as role_max
  from pg_roles me, pg_database db
  where me.rolname = session_user and db.datname = current_database()
)
select pg_backend_pid() as backend,
  least(server_max, database_max, role_max) as connections_max,
  greatest(
    least(server_max - all_of_them, database_max - here, role_max - ours), 0
  )::integer as connections_free
from limits, sessions
