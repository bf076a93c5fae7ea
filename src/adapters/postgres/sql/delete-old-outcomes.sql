-- Deletes at most $3 counts of outcomes that are older than $2 seconds, under the lease $1 of the duty ticket_retention. is_held
-- is false where the lease is not valid, and then nothing is deleted.
-- Locks: the row of the duty, and the deleted rows. Indexes: duties_primary_key, outcome_seconds_by_time.
select is_held, deleted from delete_old_outcomes($1::bigint, $2::integer, $3::integer)
