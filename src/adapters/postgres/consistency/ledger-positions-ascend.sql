-- Each ledger row names positions above those of all rows before it, so none is named twice.
select * from (
  select coupon_id, seq, first_position, units,
    max(first_position + units - 1) over (
      partition by coupon_id order by seq rows between unbounded preceding and 1 preceding
    ) as last_position_before
  from stock_ledger where first_position is not null
) compared
where first_position <= last_position_before
