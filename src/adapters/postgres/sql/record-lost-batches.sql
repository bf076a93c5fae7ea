-- Stores acknowledged batches that this server lacks, found by the process $9. One that is stored already stays as it is.
-- One process after the other, also while a commit waits for a standby: a reader of a batch sees all that were found before
-- it. An operator accepts what was found up to the last one seen, and so accepts none unseen.
-- Locks: the advisory lock (1718775663, 0), until the commit. Index: lost_batches_primary_key.
with alone as materialized (
  select pg_advisory_xact_lock(1718775663, 0)
)
insert into lost_batches
  (batch_id, coupon_name, claims, changes, user_id, position, claim_id, acknowledged_at, found_at, found_by)
select lost.batch_id::uuid, lost.coupon_name, lost.claims, lost.changes, lost.user_id, lost.position, lost.claim_id::uuid,
  lost.acknowledged_at, clock_timestamp(), $9::text
from alone, unnest(
  $1::text[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::timestamptz[]
) lost (batch_id, coupon_name, claims, changes, user_id, position, claim_id, acknowledged_at)
on conflict on constraint lost_batches_primary_key do nothing
