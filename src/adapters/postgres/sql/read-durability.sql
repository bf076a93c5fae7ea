-- Returns the settings that decide durability, as they are in this session: a role or a database may have its own.
-- Locks: none.
select current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('synchronous_standby_names') as synchronous_standby_names
