-- Compares each row of the ledger, from coupon id $1 and seq $2 on and at most $5 of them, with the row before it, and at
-- the end of a coupon the units that its rows have offered with its amount. Returns by how much they disagree, and which
-- coupons do, $6 of them at most. The first row is the last one of the page before, whose batch id is $3, and has been
-- compared there. $4 is the sum of units offered up to it. Where another row is in its place, as after a failover, the sum
-- is unknown and not compared.
-- Locks: none. Indexes: stock_ledger_primary_key, $5 entries of it; coupons_primary_key, once a coupon.
with page as (
  select coupon_id, seq, batch_id, kind, units, returned_units, remaining_after,
    coupon_id = $1::bigint and seq = $2::bigint as is_first
  from stock_ledger
  where require_primary() and (coupon_id, seq) >= ($1::bigint, $2::bigint)
  order by coupon_id, seq
  limit $5::integer
),
whole as (
  select count(*) < $5::integer as is_end from page
),
moments as (
  select
    coupon_id, seq, batch_id, is_first, remaining_after,
    case when kind in ('claimed', 'mixed') then -units else units end + coalesce(returned_units, 0) as gained,
    coalesce(lag(seq) over of_coupon, 0) as seq_before,
    coalesce(lag(remaining_after) over of_coupon, 0) as remaining_before,
    sum(case when kind in ('grant', 'stock_added') and not is_first then units else 0 end) over of_coupon
      + case
        when coupon_id <> $1::bigint then 0
        when exists (select from page where is_first and batch_id = $3::uuid) then $4::bigint
      end as offered,
    -- A row that ends a full page is the first one of the next page, which shows whether the coupon has more rows.
    lead(seq) over of_coupon is null
      and ((select is_end from whole) or lead(seq) over (order by coupon_id, seq) is not null) as is_end
  from page
  window of_coupon as (partition by coupon_id order by seq)
),
judged as (
  select coupon_id, seq, batch_id, offered,
    case when is_first then 0
      else abs(seq - seq_before - 1) + abs(remaining_after - remaining_before - gained)
    end
    + case when is_end then coalesce(
      abs(offered - coalesce((select c.amount from coupons c where c.id = moments.coupon_id), 0)), 0
    ) else 0 end as units
  from moments
),
differing as (
  select coupon_id, sum(units) as units from judged
  where units <> 0
  group by coupon_id
  order by coupon_id
  limit $6::integer
)
select
  (select is_end from whole) as is_end,
  max(coupon_id) as last_coupon_id,
  (array_agg(seq order by coupon_id desc, seq desc))[1] as last_seq,
  (array_agg(batch_id order by coupon_id desc, seq desc))[1] as last_batch_id,
  (array_agg(offered order by coupon_id desc, seq desc))[1]::text as carried,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object(
      'coupon', coalesce((select name from coupons where id = d.coupon_id), '#' || d.coupon_id),
      'units', d.units
    ) order by d.coupon_id)::text
    from differing d
  ) as differing
from judged
