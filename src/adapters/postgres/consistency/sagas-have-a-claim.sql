-- Each saga is of the claim at its position of its coupon: its id and its times follow from that claim.
select s.saga_id, s.coupon_id, s.position, s.claim_id, s.user_id, s.name from sagas s
where not exists (
  select from (
    select coupon_id, position, user_id, claim_id, claimed_at from claims
    union all
    select coupon_id, position, user_id, claim_id, claimed_at from released_claims
  ) k
  join coupons c on c.id = k.coupon_id
  where k.coupon_id = s.coupon_id and k.position = s.position and k.claim_id = s.claim_id and k.user_id = s.user_id
    and s.saga_id = saga_id_of(k.claim_id) and s.shard = saga_shard_of(k.claim_id) and s.name = c.saga
    and s.started_at = k.claimed_at and s.deadline_at = k.claimed_at + make_interval(secs => c.hold_seconds)
)
