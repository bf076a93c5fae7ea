-- The units that the ledger of a coupon has returned are its returned_units.
select c.name, c.returned_units, coalesce(sum(l.returned_units), 0) as returned
from coupons c left join stock_ledger l on l.coupon_id = c.id
group by c.id, c.name, c.returned_units
having coalesce(sum(l.returned_units), 0) <> c.returned_units
