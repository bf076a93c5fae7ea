-- A position of a coupon has at most one claim, live or released.
select coupon_id, position, count(*) as claims from (
  select coupon_id, position from claims union all select coupon_id, position from released_claims
) stored
group by coupon_id, position having count(*) > 1
