-- The ledger of a coupon has the rows 1 to ledger_seq, without a gap.
select c.name, c.ledger_seq, count(l.seq) as rows, min(l.seq) as first, max(l.seq) as last
from coupons c left join stock_ledger l on l.coupon_id = c.id
group by c.id, c.name, c.ledger_seq
having count(l.seq) <> c.ledger_seq or min(l.seq) <> 1 or max(l.seq) <> c.ledger_seq
