-- The units that the ledger of a coupon has offered are its amount.
select c.name, c.amount, sum(l.units) as offered
from coupons c left join stock_ledger l on l.coupon_id = c.id and l.kind in ('grant', 'stock_added')
group by c.id, c.name, c.amount
having sum(l.units) is distinct from c.amount
