-- Reads the live claim of a user on a coupon, else the last one that was released, with the stored state of its saga if it is
-- live. Returns no row if there is no such coupon, and nulls if the user has never had a claim.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_user, redemptions_one_per_user,
-- released_claims_one_per_user_and_position, sagas_one_per_claim.
select claim.*, coupons.saga is not null as has_saga, saga_state_name(saga.state) as saga_state
from coupons
left join lateral (
  select claims.claim_id, claims.user_id, claims.position, claims.claimed_at, claims.expires_at, claims.confirmed_at,
    redeemed.redeemed_at, null::timestamptz as released_at, null::text as reason
  from claims
  -- The limit keeps this a look-up by the primary key.
  left join lateral (
    select redemptions.redeemed_at from redemptions
    where redemptions.coupon_id = claims.coupon_id and redemptions.user_id = claims.user_id
    limit 1
  ) redeemed on true
  where claims.coupon_id = coupons.id and claims.user_id = $2::text
  union all
  (
    select released_claims.claim_id, released_claims.user_id, released_claims.position, released_claims.claimed_at,
      null, released_claims.confirmed_at, null, released_claims.released_at, released_claims.reason
    from released_claims
    where released_claims.coupon_id = coupons.id and released_claims.user_id = $2::text
    order by released_claims.position desc
    limit 1
  )
  -- A newer claim has a higher position, and the live one is the newest.
  order by position desc
  limit 1
) claim on true
-- The limit keeps this a look-up by the key.
left join lateral (
  select sagas.state from sagas
  where coupons.saga is not null and claim.released_at is null
    and sagas.coupon_id = coupons.id and sagas.position = claim.position
  limit 1
) saga on true
where require_primary() and coupons.name = $1::text
