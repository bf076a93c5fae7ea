-- The last ledger row of a coupon shows its remaining_amount.
select c.name, c.remaining_amount, l.seq, l.remaining_after
from coupons c left join stock_ledger l on l.coupon_id = c.id and l.seq = c.ledger_seq
where l.remaining_after is distinct from c.remaining_amount
