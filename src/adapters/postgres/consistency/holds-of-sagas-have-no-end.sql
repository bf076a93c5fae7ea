-- A reserved claim has no end exactly where its coupon has a saga, and there no claim is released as expired.
select k.coupon_id, k.position, k.user_id, c.saga, k.expires_at, k.reason
from (
  select coupon_id, position, user_id, expires_at, null as reason from claims where expires_at is not null
  union all
  select coupon_id, position, user_id, null, reason from released_claims where reason = 'expired'
) k
join coupons c on c.id = k.coupon_id
where case when c.saga is null then k.expires_at = 'infinity' else k.expires_at is distinct from 'infinity' end
