-- Reads a page of coupons, the newest first, before the coupon with the id $1. Walks at most $2 coupons and returns
-- those that match: archived or not ($3), in a state ($4) and with a prefix of the name ($5), null for any. Returns one
-- more than $6 if there are more. walked_to is the id after which to continue when the walk ended at its limit and found
-- no more than that. Returns one row of nulls if no coupon matches.
-- Locks: none. Index: coupons_primary_key.
with page as (
  select id, name, amount, remaining_amount,
    case when archived then kept_opens_at else opens_at end as opens_at,
    case when archived then kept_closes_at else closes_at end as closes_at,
    case when archived then kept_paused else paused end as paused,
    archived, state, hold_seconds, claims_per_user_max, saga, stock_low_at, title, description, pause_reason
  from (
    select *, coupon_state(opens_at, closes_at, paused, greatest(clock_timestamp(), decided_at)) as state
    from coupons
    where id < $1::bigint
    order by id desc
    limit $2::integer
  ) walked
  where archived = $3::boolean
    and ($4::text is null or state = $4::text)
    and ($5::text is null or starts_with(name, $5::text))
  order by id desc
  limit $6::integer + 1
)
select page.*,
  -- Evaluated only where the page is not full, so a full page walks no further than its last coupon.
  case when (select count(*) from page) <= $6::integer then (
    select min(id) from (
      select id from coupons where id < $1::bigint order by id desc limit $2::integer
    ) walked
    having count(*) = $2::integer
  ) end as walked_to
from (values (true)) one
left join page on true
where require_primary()
order by page.id desc
