-- Every claim, live or released, is of a coupon that exists.
select coupon_id, count(*) as claims from (
  select coupon_id from claims union all select coupon_id from released_claims
) stored
where coupon_id not in (select id from coupons)
group by coupon_id
