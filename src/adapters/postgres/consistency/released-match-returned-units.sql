-- A coupon has as many released claims as units came back: returned_units.
select c.name, c.returned_units, count(k.coupon_id) as released
from coupons c left join released_claims k on k.coupon_id = c.id
group by c.id, c.name, c.returned_units
having count(k.coupon_id) <> c.returned_units
