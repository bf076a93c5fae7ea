-- Begins a transaction that writes. Nothing of it is stored until commit-transaction.
-- Locks: none.
begin
