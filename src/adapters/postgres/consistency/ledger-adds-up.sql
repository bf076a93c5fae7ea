-- The stock after each ledger row is the stock before it, plus what the row offers or returns, minus what it takes.
select * from (
  select coupon_id, seq, kind, units, returned_units, remaining_after,
    lag(remaining_after, 1, 0) over (partition by coupon_id order by seq) as remaining_before
  from stock_ledger
) compared
where remaining_after < 0
  or remaining_after <> remaining_before
    + case when kind in ('claimed', 'mixed') then -units else units end + coalesce(returned_units, 0)
