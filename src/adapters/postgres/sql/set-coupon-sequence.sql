-- Moves the sequence of coupons.id past every id in use, also of coupons of which only other rows are left,
-- and never back. The service only shows this statement to an operator, in an error or in the log.
-- Locks: none. Indexes: coupons_primary_key, claims_one_per_user, released_claims_primary_key, redemptions_one_per_user and
-- stock_ledger_primary_key, the last entry of each.
select setval(
  pg_get_serial_sequence('coupons', 'id'),
  greatest(
    (select max(id) from coupons),
    (select max(coupon_id) from claims),
    (select max(coupon_id) from released_claims),
    (select max(coupon_id) from redemptions),
    (select max(coupon_id) from stock_ledger),
    nextval(pg_get_serial_sequence('coupons', 'id'))
  )
)
