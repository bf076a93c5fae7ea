-- Resets a session that a host has used: settings, temporary tables, prepared statements, advisory locks, listeners.
-- Fails inside a transaction; the host must not have left one open.
-- Locks: none.
discard all
