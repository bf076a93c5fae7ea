-- Every claim, live or released, has a position that the ledger names.
select coupon_id, position, user_id, claim_id from (
  select coupon_id, position, user_id, claim_id, is_claim,
    max(named_until) over (partition by coupon_id order by position, is_claim) as named_until
  from (
    select coupon_id, first_position as position, null as user_id, null::uuid as claim_id, false as is_claim,
      first_position + units - 1 as named_until
    from stock_ledger where first_position is not null
    union all
    select coupon_id, position, user_id, claim_id, true, null from claims
    union all
    select coupon_id, position, user_id, claim_id, true, null from released_claims
  ) merged
) compared
where is_claim and (named_until is null or position > named_until)
