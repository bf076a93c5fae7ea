-- Reads a page of the claims of the user $1, in order of creation of their coupons, after the coupon with the id $2. Walks
-- at most $3 coupons, with one look-up in claims for each. Returns one more than $4 if there are more. walked_to is the id
-- after which to continue when the walk ended at its limit and found no more than that. Returns one row of nulls if the
-- user has no claim there.
-- Locks: none. Indexes: coupons_primary_key, claims_one_per_user.
with page as (
  select walked.id as coupon_id, walked.name as coupon_name, held.*
  from (
    select id, name from coupons where id > $2::bigint order by id limit $3::integer
  ) walked
  -- The limit keeps this a look-up by the primary key; as a join, a plan could walk all claims of a coupon.
  cross join lateral (
    select claims.claim_id, claims.user_id, claims.position, claims.claimed_at
    from claims
    where claims.coupon_id = walked.id and claims.user_id = $1::text
    limit 1
  ) held
  order by walked.id
  limit $4::integer + 1
)
select page.*,
  case when (select count(*) from page) <= $4::integer then (
    select max(id) from (
      select id from coupons where id > $2::bigint order by id limit $3::integer
    ) walked
    having count(*) = $3::integer
  ) end as walked_to
from (values (true)) one
left join page on true
where require_primary()
order by page.coupon_id
