-- Commits the transaction of the session. Once it returns, everything is stored.
-- Locks: none; ends those of the transaction.
commit
