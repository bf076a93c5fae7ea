-- Fetches the next tickets; no row at the end.
-- Locks: none.
fetch 50000 from audited_tickets
