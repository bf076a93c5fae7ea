-- Reads a page of a coupon's live claims, with the stored states of their sagas, after position $2 and in order of position.
-- Positions may have gaps. Returns no row if there is no such coupon, and one row without a claim if it has no live claim
-- after that position.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position, redemptions_one_per_user, sagas_one_per_claim.
select page.*, coupons.saga is not null as has_saga, saga_state_name(saga.state) as saga_state
from coupons
left join lateral (
  select live.*, redeemed.redeemed_at, null::timestamptz as released_at, null::text as reason
  from (
    select claims.claim_id, claims.user_id, claims.position, claims.claimed_at, claims.expires_at, claims.confirmed_at
    from claims
    where claims.coupon_id = coupons.id and claims.position > $2::integer
    order by claims.position
    limit $3::integer
  ) live
  -- The limit keeps this a look-up by the primary key.
  left join lateral (
    select redemptions.redeemed_at from redemptions
    where redemptions.coupon_id = coupons.id and redemptions.user_id = live.user_id
    limit 1
  ) redeemed on true
) page on true
-- The limit keeps this a look-up by the key.
left join lateral (
  select sagas.state from sagas
  where coupons.saga is not null and page.released_at is null
    and sagas.coupon_id = coupons.id and sagas.position = page.position
  limit 1
) saga on true
where require_primary() and coupons.name = $1::text
order by page.position
