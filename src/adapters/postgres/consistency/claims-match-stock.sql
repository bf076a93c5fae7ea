-- A coupon has as many live claims as units are gone: amount minus remaining_amount.
select c.name, c.amount, c.remaining_amount, count(k.coupon_id) as claims
from coupons c left join claims k on k.coupon_id = c.id
group by c.id, c.name, c.amount, c.remaining_amount
having count(k.coupon_id) <> c.amount - c.remaining_amount
