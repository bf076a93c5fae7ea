-- Counts the claims of the coupon $1 by state, in one snapshot with its stock. What is neither reserved nor redeemed is
-- confirmed. at_ms is the time of the snapshot. Reads an index entry for each redeemed claim, and each claim that may be reserved.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position, redemptions_one_per_user.
select c.amount - c.remaining_amount as live, c.returned_units::double precision as released,
  case when c.hold_seconds is null then 0 else (
    select count(claims.expires_at) from claims
    where claims.coupon_id = c.id and claims.position > c.expiry_position
  ) end::integer as reserved,
  (select count(*) from redemptions where redemptions.coupon_id = c.id)::integer as redeemed,
  extract(epoch from transaction_timestamp())::double precision * 1000 as at_ms
from coupons c
where require_primary() and c.name = $1::text
