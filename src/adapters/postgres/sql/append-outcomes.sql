-- Stores what a process has counted ($1, a JSON list) and, unless they are null, the first and the last second ($2, $3) of which
-- it has lost counts. Names that are no coupons are left out; the empty name has the id 0. The rows of the second that has just
-- ended also get the units that are left now. Returns the clock of the server in milliseconds since 1970.
-- Locks: none that another caller waits for. Index: coupons_name_unique.
with counted as (
  insert into outcome_seconds (coupon_id, second, outcomes, times, waiting, remaining_amount)
  select coupon.id, given.second, given.outcomes, given.times, given.waiting,
    case
      when given.second >= floor(extract(epoch from clock_timestamp())) - 1 then coupon.remaining_amount
    end
  from jsonb_to_recordset($1::jsonb)
    as given (coupon_name text, second bigint, outcomes jsonb, times integer[], waiting integer)
  cross join lateral (
    select 0::bigint as id, null::integer as remaining_amount where given.coupon_name = ''
    union all
    select coupons.id, coupons.remaining_amount from coupons where coupons.name = given.coupon_name
  ) coupon
), lost as (
  insert into outcome_gaps (first_second, last_second)
  select $2::bigint, $3::bigint where $2::bigint is not null
)
select begin_outcomes() as clock_ms
