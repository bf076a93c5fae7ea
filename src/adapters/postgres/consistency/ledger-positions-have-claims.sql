-- Each position that a ledger row names has a claim, live or released, with the time of the row.
select l.coupon_id, l.seq, l.first_position, l.units
from stock_ledger l
where l.first_position is not null and l.units <> (
  select count(*) from claims k
  where k.coupon_id = l.coupon_id and k.claimed_at = l.recorded_at
    and k.position between l.first_position and l.first_position + l.units - 1
) + (
  select count(*) from released_claims k
  where k.coupon_id = l.coupon_id and k.claimed_at = l.recorded_at
    and k.position between l.first_position and l.first_position + l.units - 1
)
