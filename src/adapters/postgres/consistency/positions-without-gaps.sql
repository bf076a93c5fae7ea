-- The positions of a coupon are 1 to the number of its claims. True while claims are final.
select coupon_id, count(*) as claims, min(position) as first, max(position) as last
from claims
group by coupon_id
having min(position) <> 1 or max(position) <> count(*)
