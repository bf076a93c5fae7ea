-- A user has at most one live claim of a coupon.
select coupon_id, user_id, count(*) as claims from claims
group by coupon_id, user_id having count(*) > 1
