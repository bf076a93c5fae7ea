-- A claim is made, then confirmed, then redeemed or released.
select coupon_id, position, user_id, claimed_at, confirmed_at, redeemed_at, released_at from (
  select k.coupon_id, k.position, k.user_id, k.claimed_at, k.confirmed_at, r.redeemed_at, null::timestamptz as released_at
  from claims k left join redemptions r on r.coupon_id = k.coupon_id and r.user_id = k.user_id
  union all
  select coupon_id, position, user_id, claimed_at, confirmed_at, null, released_at from released_claims
) stored
where confirmed_at < claimed_at
  or least(redeemed_at, released_at) < greatest(claimed_at, confirmed_at)
