-- Reads a page of the claims of the user $1 in the states $6, in order of creation of their coupons and then of position,
-- after the coupon with the id $2; those of the next coupon after position $3. Walks at most $4 coupons, with one look-up in
-- each table for each. Returns one more than $5 if there are more. walked_to is the id after which to continue when the walk
-- ended at its limit and found no more than that. Returns one row of nulls if the user has no such claim there.
-- Locks: none. Indexes: coupons_primary_key, claims_one_per_user, released_claims_one_per_user_and_position,
-- redemptions_one_per_user, sagas_one_per_claim.
with page as (
  select walked.id as coupon_id, walked.name as coupon_name, found.*, walked.saga is not null as has_saga,
    saga_state_name(saga.state) as saga_state
  from (
    select id, name, saga from coupons where id > $2::bigint order by id limit $4::integer
  ) walked
  -- The limits keep these look-ups by an index; as joins, a plan could walk all claims of a coupon.
  cross join lateral (
    select * from (
      select live.*, redeemed.redeemed_at, null::timestamptz as released_at, null::text as reason
      from (
        select claims.claim_id, claims.user_id, claims.position, claims.claimed_at, claims.expires_at, claims.confirmed_at
        from claims
        where $6::text[] && array['reserved', 'confirmed', 'redeemed']
          and claims.coupon_id = walked.id and claims.user_id = $1::text
        limit 1
      ) live
      left join lateral (
        select redemptions.redeemed_at from redemptions
        where redemptions.coupon_id = walked.id and redemptions.user_id = $1::text
        limit 1
      ) redeemed on true
      where case
        when live.expires_at is not null then 'reserved'
        when redeemed.redeemed_at is not null then 'redeemed'
        else 'confirmed'
      end = any ($6::text[])
    ) in_states
    union all
    select * from (
      select released_claims.claim_id, released_claims.user_id, released_claims.position, released_claims.claimed_at,
        null::timestamptz, released_claims.confirmed_at, null::timestamptz, released_claims.released_at,
        released_claims.reason
      from released_claims
      where 'released' = any ($6::text[]) and released_claims.coupon_id = walked.id and released_claims.user_id = $1::text
      order by released_claims.position
      limit 1000
    ) released
  ) found
  -- The limit keeps this a look-up by the key.
  left join lateral (
    select sagas.state from sagas
    where walked.saga is not null and found.released_at is null
      and sagas.coupon_id = walked.id and sagas.position = found.position
    limit 1
  ) saga on true
  where walked.id > $2::bigint + 1 or found.position > $3::bigint
  order by walked.id, found.position
  limit $5::integer + 1
)
select page.*,
  case when (select count(*) from page) <= $5::integer then (
    select max(id) from (
      select id from coupons where id > $2::bigint order by id limit $4::integer
    ) walked
    having count(*) = $4::integer
  ) end as walked_to
from (values (true)) one
left join page on true
where require_primary()
order by page.coupon_id, page.position
