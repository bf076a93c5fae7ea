-- Reads the stock of coupons and how long their sales go on: the snapshots of the sold-out cache.
-- A coupon with stock_announced must not count as sold out: units may be added once all older snapshots have expired.
-- A failover can lose the last decisions and make others under the same ledger_seq; decided_at distinguishes them.
-- Locks: none. Index: coupons_name_unique.
select name, id, ledger_seq, decided_at, amount, remaining_amount,
  coupon_state(opens_at, closes_at, paused, moment.at) as state, stock_announced,
  extract(epoch from closes_at - moment.at)::double precision * 1000 as closes_in_ms
from coupons
cross join lateral (select greatest(clock_timestamp(), decided_at) as at) moment
where require_primary() and name = any ($1::text[])
