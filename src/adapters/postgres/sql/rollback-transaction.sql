-- Ends a transaction that a failed statement has left open. Without one it does nothing but warn.
-- Locks: none.
rollback
