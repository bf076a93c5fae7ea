-- Compares the stock of coupons behind id $1, at most $2 of them, with the last row of their ledger and with their
-- highest position, and tells by how many units they disagree.
-- Locks: none. Indexes: coupons_primary_key, stock_ledger_primary_key, claims_one_per_position, each once a coupon.
with page as (
  select id, amount, remaining_amount, ledger_seq from coupons
  where id > $1::bigint
  order by id
  limit $2::integer
)
select
  count(*)::integer as coupons,
  max(page.id) as last_id,
  coalesce(sum(page.amount), 0)::double precision as amount,
  coalesce(sum(page.remaining_amount), 0)::double precision as remaining,
  coalesce(sum(
    abs(page.remaining_amount - coalesce(last_row.remaining_after, 0))
    + abs(page.amount - page.remaining_amount - coalesce(last_claim.position, 0))
  ), 0)::double precision as difference
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
