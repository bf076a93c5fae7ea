-- Each confirmation, release and redemption of a claim is a change that a ledger row names, with its time.
select coupon_id, confirmed_at as changed_at, position, 'C' as change from claims where confirmed_at is not null
union all
select coupon_id, confirmed_at, position, 'C' from released_claims where confirmed_at is not null
union all
select coupon_id, released_at, position, case reason when 'expired' then 'E' else 'R' end from released_claims
union all
select k.coupon_id, r.redeemed_at, k.position, 'U'
from redemptions r join claims k on k.coupon_id = r.coupon_id and k.user_id = r.user_id
except all
select l.coupon_id, l.recorded_at, changed.position, changed.change::text
from stock_ledger l cross join lateral unnest(l.changed_positions, l.changes) as changed (position, change)
