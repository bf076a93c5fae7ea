-- Compares claims with the ledger, row by row from coupon id $1 and seq $2 on: at most $5 rows, which name about $5 claims
-- and changes. Each position that rows name has one claim, live or released, each change is that of a claim, and at the end
-- of a coupon as many claims are released as units came back. Returns by how much they disagree, and which coupons do, $6 of
-- them at most. The first row is the last one of the page before, whose batch id is $3; $4 is what that page carried.
-- Locks: none. Indexes: stock_ledger_primary_key, claims_one_per_position, released_claims_primary_key and
-- redemptions_one_per_user, about $5 entries of each; coupons_primary_key, a few times a coupon.
with page as (
  select coupon_id, seq, batch_id, first_position, remaining_after, recorded_at, returned_units, changed_positions, changes,
    coupon_id = $1::bigint and seq = $2::bigint as is_first,
    case when first_position is null then 0 else units end as taken,
    -- The number of changes, estimated by the stored size: reading all arrays of the rows to count them would take longer.
    coalesce((pg_column_size(changed_positions) - 20) / 4, 0) as changed
  from stock_ledger
  where require_primary() and (coupon_id, seq) >= ($1::bigint, $2::bigint)
  order by coupon_id, seq
  limit $5::integer
),
summed as (
  select page.*,
    sum(case when is_first then 0 else taken + changed end) over (order by coupon_id, seq) - taken - changed as before
  from page
),
kept as (
  select * from summed where is_first or before < $5::integer
),
whole as (
  select (select count(*) from kept) = (select count(*) from page) and (select count(*) from page) < $5::integer as is_end
),
-- What the pages of the coupon have found up to the first row. Where another row is in its place, as after a failover, it is
-- unknown and not compared.
carried as (
  select ($4::json ->> 'position')::integer as position, ($4::json ->> 'until')::timestamptz as until,
    ($4::json ->> 'surplus')::bigint as surplus
  from page where is_first and batch_id = $3::uuid
),
-- The claims released before a fixed time are compared with the units returned before it: until, the last decision when the
-- first page of the coupon is read. No later decision has an earlier time. surplus is by how many more claims are released.
moments as (
  select k.coupon_id, c.decided_at,
    coalesce((select true from released_claims r where r.coupon_id = k.coupon_id limit 1), false) as has_released,
    case when k.coupon_id = $1::bigint then (select until from carried) else c.decided_at end as until,
    case when k.coupon_id = $1::bigint then (select surplus from carried) else 0 end as surplus
  from (select distinct coupon_id from kept) k
  left join lateral (select decided_at from coupons where id = k.coupon_id limit 1) c on true
),
spans as (
  select coupon_id, seq, batch_id, is_first, remaining_after, recorded_at, returned_units, changed_positions, changes,
    taken, first_position, first_position + taken - 1 as last_position,
    coalesce(
      max(first_position + taken - 1) over (of_coupon rows between unbounded preceding and 1 preceding),
      case when coupon_id = $1::bigint then (select position from carried) else 0 end
    ) as position_before,
    -- A row that ends a full page is the first one of the next page, which shows whether the coupon has more rows.
    lead(seq) over of_coupon is null
      and ((select is_end from whole) or lead(seq) over (order by coupon_id, seq) is not null) as is_end
  from kept
  window of_coupon as (partition by coupon_id order by seq)
),
counted as (
  select s.*, m.until, released.claims as released, released.after_last_decision,
    m.surplus + sum(
      released.before_until
      - case when not s.is_first and s.recorded_at < m.until then coalesce(s.returned_units, 0) else 0 end
    ) over (partition by s.coupon_id order by s.seq) as surplus
  from spans s
  join moments m on m.coupon_id = s.coupon_id
  cross join lateral (
    select count(*) as claims, count(*) filter (where c.released_at < m.until) as before_until,
      count(*) filter (where c.released_at > m.decided_at) as after_last_decision
    from released_claims c
    where m.has_released and not s.is_first and c.coupon_id = s.coupon_id and c.position between s.first_position and s.last_position
  ) released
),
judged as (
  select coupon_id, seq, batch_id, greatest(position_before, last_position) as position, until, surplus,
    case when is_first or taken = 0 then 0 else
      abs(taken - (
        select count(*) from claims c
        where c.coupon_id = s.coupon_id and c.position between s.first_position and s.last_position
      ) - released)
      + after_last_decision
      -- Positions that an earlier row names too, or that no row names.
      + coalesce(abs(first_position - position_before - 1), 0)
    end
    + case when is_first or changes is null then 0 else
      abs(returned_units - cardinality(array_positions(changes, 'R')) - cardinality(array_positions(changes, 'E')))
      + (
        select count(*) from unnest(s.changed_positions, s.changes) as changed (position, change)
        -- Scalar subqueries: no plan can make a hash table of all claims from them.
        where 0 = case
          when change in ('R', 'E') then (
            select count(*) from released_claims c
            where c.coupon_id = s.coupon_id and c.position = changed.position and c.released_at = s.recorded_at
              and (c.reason is not distinct from 'expired') = (change = 'E')
          )
          when change = 'U' then (
            select count(*) from redemptions r
            where r.coupon_id = s.coupon_id and r.redeemed_at = s.recorded_at and r.user_id = (
              select c.user_id from claims c where c.coupon_id = s.coupon_id and c.position = changed.position limit 1
            )
          )
          else (
            select count(*) from claims c
            where c.coupon_id = s.coupon_id and c.position = changed.position and c.confirmed_at = s.recorded_at
          ) + (
            select count(*) from released_claims c
            where c.coupon_id = s.coupon_id and c.position = changed.position and c.confirmed_at = s.recorded_at
          )
        end
      )
    end
    + case when is_end then (
      select count(*) from (
        (
          select from claims c
          where c.coupon_id = s.coupon_id and c.position > greatest(s.position_before, s.last_position)
          limit $5::integer
        )
        union all
        (
          select from released_claims c
          where c.coupon_id = s.coupon_id and c.position > greatest(s.position_before, s.last_position)
          limit $5::integer
        )
      ) above_all
    )
    + coalesce((
      -- A stock that differs from its last ledger row is found with the coupons, and counts once.
      select abs(c.returned_units - (greatest(s.position_before, s.last_position) - (c.amount - s.remaining_after)))
      from coupons c where c.id = s.coupon_id
    ), 0)
    + coalesce(abs(surplus), 0) else 0 end as units
  from counted s
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
  (
    select json_build_object('position', j.position, 'until', j.until, 'surplus', j.surplus)::text
    from judged j
    order by j.coupon_id desc, j.seq desc
    limit 1
  ) as carried,
  coalesce(sum(units), 0)::double precision as difference,
  (
    select json_agg(json_build_object(
      'coupon', coalesce((select name from coupons where id = d.coupon_id), '#' || d.coupon_id),
      'units', d.units
    ) order by d.coupon_id)::text
    from differing d
  ) as differing
from judged
