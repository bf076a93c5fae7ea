-- Tells how many connections sessions like this one may have here at once, by the nearest of the limits of server,
-- database and role, and how many of them are free now, not counting this session.
-- Slots that are reserved for the superuser are open to a session of his, whom the other limits do not bind either.
-- PostgreSQL 16 reserves some more for a role of its own. Tells the process that answers, too, which parts a server from
-- a pooler before it.
-- Locks: none.
with sessions as (
  select count(*) as all_of_them,
    count(*) filter (where datname = current_database()) as here,
    count(*) filter (where usename = session_user) as ours
  from pg_stat_activity
  -- Whose sessions these are is shown to everybody, what kind they are is not.
  where datid is not null and usesysid is not null and pid <> pg_backend_pid()
    and coalesce(backend_type, 'client backend') = 'client backend'
), limits as (
  select current_setting('max_connections')::integer
      - case when me.rolsuper then 0
        else current_setting('superuser_reserved_connections')::integer
          + coalesce(current_setting('reserved_connections', true)::integer, 0) end as server_max,
    -- No limit is -1; least() passes over null.
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
