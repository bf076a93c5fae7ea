-- Returns a statement that reads the sequence of coupons.id: its next id, the largest id in use (also of coupons of
-- which only other rows are left), and the statement that repairs a sequence that is behind. Returns no row
-- when the table does not exist or this role may not read the sequence. The returned statement takes its snapshot
-- before it reads the sequence, so a coupon that is created in between is never mistaken for an id in use.
-- Locks: none. Indexes: coupons_primary_key, claims_one_per_user, released_claims_primary_key, redemptions_one_per_user and
-- stock_ledger_primary_key, the last entry of each.
with named as (
  select case when to_regclass('coupons') is not null then pg_get_serial_sequence('coupons', 'id') end as sequence
)
select format(
  'select (last_value + is_called::integer)::text as next_id, used.id::text as used_id,
     format(''select setval(%%L, %%s);'', %L, used.id) as remedy
   from %s
   cross join (select greatest(
     (select max(id) from coupons), (select max(coupon_id) from claims), (select max(coupon_id) from released_claims),
     (select max(coupon_id) from redemptions), (select max(coupon_id) from stock_ledger)
   ) as id) as used',
  sequence, sequence
) as statement
from named
where has_sequence_privilege(sequence, 'select')
