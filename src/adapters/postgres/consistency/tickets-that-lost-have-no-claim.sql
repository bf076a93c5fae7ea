-- A ticket that has not won has no claim.
select t.claim_id, t.outcome, k.coupon_id, k.position
from tickets t
join (
  select claim_id, coupon_id, position from claims
  union all
  select claim_id, coupon_id, position from released_claims
) k on k.claim_id = t.claim_id
where t.outcome <> 'claimed'
