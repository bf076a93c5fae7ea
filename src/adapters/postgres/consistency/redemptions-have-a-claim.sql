-- Each redemption is of the live claim of its user, and has its claim id.
select r.coupon_id, r.user_id, r.claim_id from redemptions r
where not exists (
  select from claims k where k.coupon_id = r.coupon_id and k.user_id = r.user_id and k.claim_id = r.claim_id
)
