-- A position of a coupon has at most one claim.
select coupon_id, position, count(*) as claims from claims
group by coupon_id, position having count(*) > 1
