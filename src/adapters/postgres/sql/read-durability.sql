-- Tells the settings that durability rests on, as they hold for this session: a role or a database may have its own.
-- Locks: none.
select current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit,
  current_setting('synchronous_standby_names') as synchronous_standby_names
