-- Compares the stock of coupons behind id $1, at most $2 of them, with the last row of their ledger and with their
-- highest position, and tells by how many units they disagree and which ones do, $3 of them at most.
-- Locks: none. Indexes: coupons_primary_key, stock_ledger_primary_key, claims_one_per_position, each once a coupon.
with page as (
  select id, name, amount, remaining_amount, ledger_seq from coupons
  where require_primary() and id > $1::bigint
  order by id
  limit $2::integer
),
compared as (
  select
    page.id, page.name, page.amount, page.remaining_amount,
    abs(page.remaining_amount - coalesce(last_row.remaining_after, 0))
    + abs(page.amount - page.remaining_amount - coalesce(last_claim.position, 0)) as units
  from page
  left join lateral (
    select l.remaining_after from stock_ledger l
    where l.coupon_id = page.id and l.seq = page.ledger_seq
  ) last_row on true
  left join lateral (
    select c.position from claims c
    where c.coupon_id = page.id
    order by c.position desc
    limit 1
  ) last_claim on true
),
differing as (
  select id, name, units from compared
  where units <> 0
  order by id
  limit $3::integer
)
select
  count(*)::integer as coupons,
  max(id) as last_id,
  coalesce(sum(amount), 0)::double precision as amount,
  coalesce(sum(remaining_amount), 0)::double precision as remaining,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object('coupon', d.name, 'units', d.units) order by d.id)::text
    from differing d
  ) as differing
from compared
