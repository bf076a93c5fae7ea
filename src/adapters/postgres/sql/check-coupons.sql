-- Compares the stock of coupons after id $1, at most $2 of them, with the last row of their ledger, and finds the claims of
-- coupons that do not exist, between the same ids, also released ones. Returns by how many units they disagree, and which
-- coupons do, $3 of them at most. All coupons are compared; amount and remaining leave archived ones out.
-- Locks: none. Indexes: coupons_primary_key, stock_ledger_primary_key, claims_one_per_position and
-- released_claims_primary_key, each once a coupon.
with recursive page as (
  select id, name, amount, remaining_amount, ledger_seq, archived from coupons
  where require_primary() and id > $1::bigint
  order by id
  limit $2::integer
),
until as (
  select case when count(*) < $2::integer then 9223372036854775807 else max(id) end as id from page
),
claimed (coupon_id, nth) as (
  select $1::bigint, 0
  union all
  -- Null after the last one, which ends the walk.
  select least(
    (select c.coupon_id from claims c where c.coupon_id > claimed.coupon_id order by c.coupon_id limit 1),
    (select c.coupon_id from released_claims c where c.coupon_id > claimed.coupon_id order by c.coupon_id limit 1)
  ), claimed.nth + 1
  from claimed
  -- More ids than that between those of the page are coupons that do not exist, and enough of them.
  where claimed.nth < 2 * $2::integer and claimed.coupon_id < (select id from until)
),
compared as (
  select page.id, page.name,
    case
      when last_row.remaining_after is null then greatest(page.remaining_amount, 1)
      else abs(page.remaining_amount - last_row.remaining_after)
    end as units
  from page
  left join lateral (
    select l.remaining_after from stock_ledger l
    where l.coupon_id = page.id and l.seq = page.ledger_seq
  ) last_row on true
  union all
  select claimed.coupon_id, '#' || claimed.coupon_id, (
    select count(*) from (
      (select from claims c where c.coupon_id = claimed.coupon_id limit $2::integer)
      union all
      (select from released_claims c where c.coupon_id = claimed.coupon_id limit $2::integer)
    ) found
  )
  from claimed
  where claimed.nth > 0 and claimed.coupon_id <= (select id from until)
    and not exists (select from page where page.id = claimed.coupon_id)
),
differing as (
  select id, name, units from compared
  where units <> 0
  order by id
  limit $3::integer
)
select
  (select count(*) from page)::integer as coupons,
  (select max(id) from page) as last_id,
  coalesce((select sum(amount) from page where not archived), 0)::double precision as amount,
  coalesce((select sum(remaining_amount) from page where not archived), 0)::double precision as remaining,
  coalesce((select sum(units) from compared), 0)::double precision as difference,
  (
    select json_agg(json_build_object('coupon', d.name, 'units', d.units) order by d.id)::text
    from differing d
  ) as differing
