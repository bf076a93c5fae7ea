-- Stores acknowledged batches that this server lacks, found by the process $9. One that is stored already stays as it is.
-- Locks: none. Index: lost_batches_primary_key.
insert into lost_batches
  (batch_id, coupon_name, claims, changes, user_id, position, claim_id, acknowledged_at, found_at, found_by)
select lost.batch_id::uuid, lost.coupon_name, lost.claims, lost.changes, lost.user_id, lost.position, lost.claim_id::uuid,
  lost.acknowledged_at, clock_timestamp(), $9::text
from unnest(
  $1::text[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::timestamptz[]
) lost (batch_id, coupon_name, claims, changes, user_id, position, claim_id, acknowledged_at)
on conflict on constraint lost_batches_primary_key do nothing
