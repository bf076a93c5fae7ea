-- A ledger row returns one unit for each claim that it releases.
select coupon_id, seq, returned_units, changes::text from stock_ledger
where kind = 'mixed'
  and returned_units <> cardinality(array_positions(changes, 'R')) + cardinality(array_positions(changes, 'E'))
