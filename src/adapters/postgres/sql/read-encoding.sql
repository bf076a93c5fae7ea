-- Returns the encoding of this database, and the statement that creates one with the encoding that the service needs.
-- Locks: none.
select current_setting('server_encoding') as encoding, current_database() as database,
  format(
    'create database %I template template0 encoding ''UTF8'' locale ''C'';', left(current_database(), 50) || '_utf8'
  ) as creation
