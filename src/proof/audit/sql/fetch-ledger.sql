-- Fetches the next rows of the ledger; none at the end.
-- Locks: none.
fetch 50000 from audited_ledger
