-- Tells how the stock of coupons is now, and how long their sales go on: for answers that are given from memory.
-- One whose stock is announced must not be taken for sold out: it may be added to once all older looks have ended.
-- A failover may lose the last decisions and make others under the same numbers: decided_at tells them apart.
-- Locks: none. Index: coupons_name_unique.
select name, id, ledger_seq, decided_at, amount, remaining_amount,
  coupon_state(opens_at, closes_at, paused, moment.at) as state, stock_announced,
  extract(epoch from closes_at - moment.at)::double precision * 1000 as closes_in_ms
from coupons
cross join lateral (select greatest(clock_timestamp(), decided_at) as at) moment
where require_primary() and name = any ($1::text[])
