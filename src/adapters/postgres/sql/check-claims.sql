-- Reads claims behind coupon id $1 and position $2, at most $3, in order, and tells how many positions are missing.
-- Locks: none. Index: claims_one_per_position, $3 entries of it.
with page as (
  select coupon_id, position from claims
  where (coupon_id, position) > ($1::bigint, $2::integer)
  order by coupon_id, position
  limit $3::integer
),
of_coupon as (
  select coupon_id, count(*) as claims, max(position) as last_position
  from page
  group by coupon_id
)
select
  coalesce(sum(claims), 0)::integer as read,
  max(coupon_id) as last_coupon_id,
  (array_agg(last_position order by coupon_id desc))[1] as last_number,
  coalesce(sum(
    last_position - case when coupon_id = $1::bigint then $2::integer else 0 end - claims
  ), 0)::double precision as difference
from of_coupon
