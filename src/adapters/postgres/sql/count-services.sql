-- Counts the sessions of services in this database: those with the name that a service gives its sessions, unless its
-- URL sets another one.
-- Locks: none.
select count(*)::integer as sessions from pg_stat_activity
where datname = current_database() and application_name = 'firstcome' and pid <> pg_backend_pid()
