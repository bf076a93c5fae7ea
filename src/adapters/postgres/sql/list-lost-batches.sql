-- Reads the batches of a loss that no operator has accepted, in the order in which they were acknowledged, at most $1.
-- `total` counts all of them, and `found_until` is when the last of all was found.
-- Locks: none. Index: lost_batches_not_accepted.
select batch_id, coupon_name, claims, changes, user_id, position, acknowledged_at, found_at, found_by,
  count(*) over ()::integer as total, max(found_at) over () as found_until
from lost_batches
where require_primary() and accepted_at is null
order by acknowledged_at, batch_id
limit $1::integer
