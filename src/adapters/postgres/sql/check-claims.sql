-- Compares the claims with the positions that the ledger names, row by row from coupon id $1 and seq $2 on: at most $5 rows,
-- which name about $5 claims. Each named position has one claim, and no other position has one; gaps are no difference.
-- The first row is the last one of the page before, whose batch id is $3. $4 is the highest position named up to there.
-- Where another row is in its place, as after a failover, that position is unknown and not compared.
-- Locks: none. Indexes: stock_ledger_primary_key, claims_one_per_position, $5 entries of each; coupons_primary_key.
with page as (
  select coupon_id, seq, batch_id, first_position,
    coupon_id = $1::bigint and seq = $2::bigint as is_first,
    case kind when 'claimed' then units else 0 end as taken
  from stock_ledger
  where require_primary() and (coupon_id, seq) >= ($1::bigint, $2::bigint)
  order by coupon_id, seq
  limit $5::integer
),
summed as (
  select page.*, sum(case when is_first then 0 else taken end) over (order by coupon_id, seq) as claims
  from page
),
kept as (
  select * from summed where is_first or claims - taken < $5::integer
),
whole as (
  select (select count(*) from kept) = (select count(*) from page) and (select count(*) from page) < $5::integer as is_end
),
spans as (
  select coupon_id, seq, batch_id, is_first, taken, first_position,
    first_position + taken - 1 as last_position,
    coalesce(
      max(first_position + taken - 1) over (of_coupon rows between unbounded preceding and 1 preceding),
      case
        when coupon_id <> $1::bigint then 0
        when exists (select from page where is_first and batch_id = $3::uuid) then $4::integer
      end
    ) as position_before,
    -- A row that ends a full page is the first one of the next page, which shows whether the coupon has more rows.
    lead(seq) over of_coupon is null
      and ((select is_end from whole) or lead(seq) over (order by coupon_id, seq) is not null) as is_end
  from kept
  window of_coupon as (partition by coupon_id order by seq)
),
judged as (
  select coupon_id, seq, batch_id, greatest(position_before, last_position) as position,
    case when is_first or taken = 0 then 0 else
      abs(taken - (
        select count(*) from claims c
        where c.coupon_id = s.coupon_id and c.position between s.first_position and s.last_position
      ))
      -- Positions that an earlier row names too.
      + greatest(position_before + 1 - first_position, 0)
      + case when position_before + 1 < first_position then (
        select count(*) from (
          select from claims c
          where c.coupon_id = s.coupon_id and c.position > s.position_before and c.position < s.first_position
          limit $5::integer
        ) between_rows
      ) else 0 end
    end
    + case when is_end then (
      select count(*) from (
        select from claims c
        where c.coupon_id = s.coupon_id and c.position > greatest(s.position_before, s.last_position)
        limit $5::integer
      ) above_all
    ) else 0 end as units
  from spans s
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
  (array_agg(position order by coupon_id desc, seq desc))[1] as carried,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object(
      'coupon', coalesce((select name from coupons where id = d.coupon_id), '#' || d.coupon_id),
      'units', d.units
    ) order by d.coupon_id)::text
    from differing d
  ) as differing
from judged
