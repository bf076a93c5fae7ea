-- Moves the sequence of coupons.id behind every id that is in use, also those of coupons of which only claims or rows of
-- the ledger are left, and never back. The log shows this to an operator; the service itself never runs it.
-- Locks: none. Indexes: coupons_primary_key, claims_one_per_user and stock_ledger_primary_key, the last entry of each.
select setval(
  pg_get_serial_sequence('coupons', 'id'),
  greatest(
    (select max(id) from coupons),
    (select max(coupon_id) from claims),
    (select max(coupon_id) from stock_ledger),
    nextval(pg_get_serial_sequence('coupons', 'id'))
  )
)
