-- Reads a page of those claims of a coupon that are in the states $5 and, unless it is null, have the id $6: after position
-- $2, up to position $3, in order of position, at most $4. Each row has walked_to: a page that ended at $3 continues after
-- it; null if there is no claim behind $3. Returns no row if there is no such coupon, and one row without a claim if none
-- is found. A live claim comes with the stored state of its saga.
-- Locks: none. Indexes: coupons_name_unique, claims_one_per_position, released_claims_primary_key, redemptions_one_per_user,
-- sagas_one_per_claim.
select page.*, coupons.saga is not null as has_saga, saga_state_name(saga.state) as saga_state, further.position - 1 as walked_to
from coupons
cross join lateral (
  select least(
    (
      select min(claims.position) from claims
      where $5::text[] && array['reserved', 'confirmed', 'redeemed']
        and claims.coupon_id = coupons.id and claims.position > $3::bigint
    ),
    (
      select min(released_claims.position) from released_claims
      where 'released' = any ($5::text[])
        and released_claims.coupon_id = coupons.id and released_claims.position > $3::bigint
    )
  ) as position
) further
left join lateral (
  select chosen.*, redeemed.redeemed_at
  from (
    select found.*
    from (
      -- Each part ends at the limit, in the order of its index.
      (
        select claims.claim_id, claims.user_id, claims.position, claims.claimed_at, claims.expires_at,
          claims.confirmed_at, null::timestamptz as released_at, null::text as reason
        from claims
        where claims.coupon_id = coupons.id and claims.position > $2::integer and claims.position <= $3::bigint
          and ($6::uuid is null or claims.claim_id = $6::uuid)
          -- Only a claim that is not reserved needs a look-up. With exists, a plan could read all redemptions instead.
          and case
            when claims.expires_at is not null then 'reserved' = any ($5::text[])
            when not $5::text[] && array['confirmed', 'redeemed'] then false
            when $5::text[] @> array['confirmed', 'redeemed'] then true
            else ('redeemed' = any ($5::text[])) = coalesce((
              select true from redemptions
              where redemptions.coupon_id = claims.coupon_id and redemptions.user_id = claims.user_id
            ), false)
          end
        order by claims.position
        limit $4::integer
      )
      union all
      (
        select released_claims.claim_id, released_claims.user_id, released_claims.position, released_claims.claimed_at,
          null, released_claims.confirmed_at, released_claims.released_at, released_claims.reason
        from released_claims
        where 'released' = any ($5::text[]) and released_claims.coupon_id = coupons.id
          and released_claims.position > $2::integer and released_claims.position <= $3::bigint
          and ($6::uuid is null or released_claims.claim_id = $6::uuid)
        order by released_claims.position
        limit $4::integer
      )
    ) found
    order by found.position
    limit $4::integer
  ) chosen
  -- The limit keeps this a look-up by the primary key.
  left join lateral (
    select redemptions.redeemed_at from redemptions
    where chosen.released_at is null and redemptions.coupon_id = coupons.id and redemptions.user_id = chosen.user_id
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
