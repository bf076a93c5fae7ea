-- A ticket that has won has its claim, live or released.
select t.claim_id, t.coupon_id, t.position, t.user_id
from tickets t
left join (
  select claim_id, coupon_id, position, user_id, claimed_at from claims
  union all
  select claim_id, coupon_id, position, user_id, claimed_at from released_claims
) k on k.claim_id = t.claim_id and k.coupon_id = t.coupon_id and k.position = t.position and k.user_id = t.user_id
  and k.claimed_at = t.claimed_at
where t.outcome = 'claimed' and k.claim_id is null
