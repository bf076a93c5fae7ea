-- A claim without a saga is reserved for hold_seconds of its coupon: confirmed or released in that time, or later released as expired.
select coupon_id, position, user_id, claimed_at, hold_ends_at, expires_at, confirmed_at, released_at, reason from (
  select k.*, k.claimed_at + make_interval(secs => c.hold_seconds) as hold_ends_at
  from (
    select coupon_id, position, user_id, claimed_at, expires_at, confirmed_at,
      null::timestamptz as released_at, null as reason
    from claims
    union all
    select coupon_id, position, user_id, claimed_at, null, confirmed_at, released_at, reason from released_claims
  ) k
  join coupons c on c.id = k.coupon_id and c.saga is null
) stored
where case
  when hold_ends_at is null then num_nonnulls(expires_at, confirmed_at) > 0 or reason = 'expired'
  when confirmed_at is not null then confirmed_at >= hold_ends_at
  when released_at is not null then (released_at >= hold_ends_at) <> (reason is not distinct from 'expired')
  else expires_at is distinct from hold_ends_at
end
