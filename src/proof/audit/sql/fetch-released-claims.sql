-- Fetches the next claims that ended; no row at the end.
-- Locks: none.
fetch 50000 from audited_released_claims
