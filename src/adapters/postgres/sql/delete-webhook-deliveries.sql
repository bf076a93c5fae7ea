-- Deletes deliveries of the webhook $1, which is deleted already: at most $2, and says how many.
-- Locks: the deliveries. Index: webhook_deliveries_primary_key.
with deleted as (
  delete from webhook_deliveries
  where ctid = any (
    array(
      select d.ctid from webhook_deliveries d
      where d.webhook_id = $1::uuid
      -- The order of the index: a table full of deliveries of other webhooks is not scanned.
      order by d.coupon_id, d.seq, d.n
      limit $2::integer
    )
  )
  returning 1
)
select count(*)::integer as deleted from deleted
