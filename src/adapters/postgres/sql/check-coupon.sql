-- Runs a consistency rule over the coupon $1 alone: in place of the rule, which the program inserts, each table has the rows of
-- that coupon, and tickets also those without a coupon. Returns the first rows that break it, as JSON. One snapshot.
-- Locks: none. Indexes: coupons_name_unique, and those of the tables that begin with coupon_id. Tickets are read as a whole.
with checked as (select id from coupons where require_primary() and coupons.name = $1::text),
coupons as not materialized (
  select * from coupons where coupons.id = (select id from checked)
),
claims as not materialized (
  select * from claims where claims.coupon_id = (select id from checked)
),
released_claims as not materialized (
  select * from released_claims where released_claims.coupon_id = (select id from checked)
),
redemptions as not materialized (
  select * from redemptions where redemptions.coupon_id = (select id from checked)
),
stock_ledger as not materialized (
  select * from stock_ledger where stock_ledger.coupon_id = (select id from checked)
),
sagas as not materialized (
  select * from sagas where sagas.coupon_id = (select id from checked)
),
tickets as not materialized (
  select * from tickets
  where tickets.coupon_id = (select id from checked) or tickets.coupon_id is null and tickets.outcome <> 'claimed'
)
select to_json(broken)::text as example
from (
  /* rule */
) broken
limit 100
