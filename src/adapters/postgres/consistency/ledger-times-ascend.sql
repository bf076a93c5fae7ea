-- No ledger row is older than the row before it.
select * from (
  select coupon_id, seq, recorded_at,
    lag(recorded_at) over (partition by coupon_id order by seq) as recorded_before
  from stock_ledger
) compared
where recorded_at < recorded_before
