-- The positions of a coupon's claims, live and released, are 1 to their number.
select coupon_id, count(*) as claims, min(position) as first, max(position) as last
from (
  select coupon_id, position from claims union all select coupon_id, position from released_claims
) stored
group by coupon_id
having min(position) <> 1 or max(position) <> count(*)
