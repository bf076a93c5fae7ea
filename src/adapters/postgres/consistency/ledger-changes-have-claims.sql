-- Each change that a ledger row names is a confirmation, release or redemption of a claim, with the time of the row.
select l.coupon_id, l.recorded_at as changed_at, changed.position, changed.change::text
from stock_ledger l cross join lateral unnest(l.changed_positions, l.changes) as changed (position, change)
except all (
  select coupon_id, confirmed_at, position, 'C' from claims where confirmed_at is not null
  union all
  select coupon_id, confirmed_at, position, 'C' from released_claims where confirmed_at is not null
  union all
  select coupon_id, released_at, position, case reason when 'expired' then 'E' else 'R' end from released_claims
  union all
  select k.coupon_id, r.redeemed_at, k.position, 'U'
  from redemptions r join claims k on k.coupon_id = r.coupon_id and k.user_id = r.user_id
)
