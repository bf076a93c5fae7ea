-- Every claim is of a coupon that exists.
select coupon_id, count(*) as claims from claims
where coupon_id not in (select id from coupons)
group by coupon_id
