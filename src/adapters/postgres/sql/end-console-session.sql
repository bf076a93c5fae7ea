-- Ends the session with the hash $1 of its id. One that has ended already is left as it is.
-- Locks: its row. Index: console_sessions_primary_key.
delete from console_sessions where id_hash = decode($1::text, 'hex')
