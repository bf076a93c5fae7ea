-- Reads rows of the ledger from coupon id $1 and seq $2 on, at most $3, in order, and tells by how much they do not
-- follow from each other and of which coupons, $4 of them at most. The first row is the last of the page before, and
-- only its successor is judged by it.
-- Locks: none. Indexes: stock_ledger_primary_key, $3 entries of it; coupons_primary_key, $4 of it.
with page as (
  select coupon_id, seq, kind, units, remaining_after from stock_ledger
  where require_primary() and (coupon_id, seq) >= ($1::bigint, $2::bigint)
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
),
judged as (
  select
    coupon_id, seq,
    case
      when coupon_id = $1::bigint and seq = $2::bigint then 0
      else abs(seq - seq_before - 1) + abs(remaining_after - remaining_before - gained)
    end as units
  from moments
),
differing as (
  select coupon_id, sum(units) as units from judged
  where units <> 0
  group by coupon_id
  order by coupon_id
  limit $4::integer
)
select
  count(*)::integer as read,
  max(coupon_id) as last_coupon_id,
  (array_agg(seq order by coupon_id desc, seq desc))[1] as last_number,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object(
      'coupon', coalesce((select name from coupons where id = d.coupon_id), '#' || d.coupon_id),
      'units', d.units
    ) order by d.coupon_id)::text
    from differing d
  ) as differing
from judged
