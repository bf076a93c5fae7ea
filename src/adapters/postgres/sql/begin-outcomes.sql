-- Says from when on the counts of outcomes are known, where nothing says it yet, and returns the clock of the server in
-- milliseconds since 1970.
-- Locks: none that another caller waits for.
select begin_outcomes() as clock_ms
