-- Empties a session that was somebody else's: settings, temporary tables, prepared statements, advisory locks, listeners.
-- Fails inside of a transaction, which nobody may have left open.
-- Locks: none.
discard all
