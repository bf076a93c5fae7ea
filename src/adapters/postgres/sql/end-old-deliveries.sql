-- Ends deliveries by their age, under the lease $1 of the relay: gives up those of receivers that rest which are older than $2
-- milliseconds, and deletes those older than $3 milliseconds, with steps of at most $4. Returns how many have ended; null: the
-- lease is not valid, and nothing was written.
-- Locks: the row of the duty, the deliveries. Indexes: duties_primary_key, webhooks_primary_key, webhook_deliveries_due,
-- webhook_deliveries_by_time, webhook_deliveries_primary_key.
select end_old_deliveries(
  $1::bigint, $2::bigint * interval '1 millisecond', $3::bigint * interval '1 millisecond', $4::integer
) as ended
