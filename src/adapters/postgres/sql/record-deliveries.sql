-- Stores the results of attempts to deliver to the webhook $1 under the epoch $2. False: another process delivers to it now,
-- or it is gone or disabled, and nothing was stored.
-- Locks: the row of the webhook, the deliveries. Indexes: webhooks_primary_key, webhook_deliveries_primary_key.
select record_deliveries(
  $1::uuid, $2::bigint, $3::text[]::bigint[], $4::text[]::bigint[], $5::integer[], $6::text[]::"char"[], $7::text[]::bigint[],
  $8::integer[], $9::text[], $10::integer, $11::bigint, $12::text
) as is_stored
