-- Reads claims behind coupon id $1 and position $2, at most $3, in order, and tells how many positions are missing and
-- of which coupons, $4 of them at most.
-- Locks: none. Indexes: claims_one_per_position, $3 entries of it; coupons_primary_key, $4 of it.
with page as (
  select coupon_id, position from claims
  where require_primary() and (coupon_id, position) > ($1::bigint, $2::integer)
  order by coupon_id, position
  limit $3::integer
),
of_coupon as (
  select
    coupon_id, count(*) as claims, max(position) as last_position,
    max(position) - case when coupon_id = $1::bigint then $2::integer else 0 end - count(*) as units
  from page
  group by coupon_id
),
differing as (
  select coupon_id, units from of_coupon
  where units <> 0
  order by coupon_id
  limit $4::integer
)
select
  coalesce(sum(claims), 0)::integer as read,
  max(coupon_id) as last_coupon_id,
  (array_agg(last_position order by coupon_id desc))[1] as last_number,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object(
      'coupon', coalesce((select name from coupons where id = d.coupon_id), '#' || d.coupon_id),
      'units', d.units
    ) order by d.coupon_id)::text
    from differing d
  ) as differing
from of_coupon
