-- Reads rows of the ledger from coupon id $1 and seq $2 on, at most $3, in order, and tells by how much they do not
-- follow from each other. The first one is the last of the page before, and only its successor is judged by it.
-- Locks: none. Index: stock_ledger_primary_key, $3 entries of it.
with page as (
  select coupon_id, seq, kind, units, remaining_after from stock_ledger
  where (coupon_id, seq) >= ($1::bigint, $2::bigint)
  order by coupon_id, seq
  limit $3::integer
),
moments as (
  select
    coupon_id, seq, remaining_after,
    case kind when 'claimed' then -units else units end as gained,
    coalesce(lag(seq) over of_coupon, 0) as seq_before,
    coalesce(lag(remaining_after) over of_coupon, 0) as remaining_before
  from page
  window of_coupon as (partition by coupon_id order by seq)
)
select
  count(*)::integer as read,
  max(coupon_id) as last_coupon_id,
  (array_agg(seq order by coupon_id desc, seq desc))[1] as last_number,
  coalesce(sum(
    case
      when coupon_id = $1::bigint and seq = $2::bigint then 0
      else abs(seq - seq_before - 1) + abs(remaining_after - remaining_before - gained)
    end
  ), 0)::double precision as difference
from moments
