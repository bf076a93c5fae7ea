-- Begins a snapshot: all reads in it see the database at one moment.
-- Locks: none that a claim would wait for.
begin transaction isolation level repeatable read read only
