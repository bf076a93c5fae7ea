-- Accepts the losses that were found up to $1, logs that the actor $2 did so in the request $3, and returns how many batches
-- that were.
-- Locks: the rows of these batches. Index: lost_batches_not_accepted.
select accept_lost_batches($1::timestamptz, $2::text, $3::text) as accepted
