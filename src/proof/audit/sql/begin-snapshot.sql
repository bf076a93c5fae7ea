-- Begins a snapshot of the whole database: all that is read in it was true at one moment.
-- Locks: none that a claim could wait for.
begin transaction isolation level repeatable read read only
