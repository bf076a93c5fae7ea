-- Fetches the next steps of sagas; no row at the end.
-- Locks: none.
fetch 50000 from audited_saga_steps
