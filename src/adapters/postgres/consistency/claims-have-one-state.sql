-- A claim has one state: a reserved or expired one was never confirmed, and a reserved one is not redeemed.
select k.coupon_id, k.position, k.user_id, k.expires_at, k.confirmed_at, r.redeemed_at
from claims k left join redemptions r on r.coupon_id = k.coupon_id and r.user_id = k.user_id
where k.expires_at is not null and (k.confirmed_at is not null or r.redeemed_at is not null)
union all
select coupon_id, position, user_id, null, confirmed_at, null from released_claims
where reason = 'expired' and confirmed_at is not null
