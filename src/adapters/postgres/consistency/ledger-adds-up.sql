-- The stock after each ledger row is the stock after the row before, plus what it offers or minus what it takes.
select * from (
  select coupon_id, seq, kind, units, remaining_after,
    lag(remaining_after, 1, 0) over (partition by coupon_id order by seq) as remaining_before
  from stock_ledger
) compared
where remaining_after < 0
  or remaining_after <> remaining_before + case kind when 'claimed' then -units else units end
