-- A claim with a saga is reserved while that runs, confirmed once it is done, and released exactly when it is compensated.
select k.coupon_id, k.position, k.user_id, k.state as claim_state, s.saga_id, s.state as saga_state
from (
  select k.coupon_id, k.position, k.user_id, k.claim_id, null::timestamptz as released_at,
    case when r.user_id is not null then 'redeemed' when k.expires_at is null then 'confirmed' else 'reserved' end as state
  from claims k left join redemptions r on r.coupon_id = k.coupon_id and r.user_id = k.user_id
  union all
  select coupon_id, position, user_id, claim_id, released_at, 'released' from released_claims
) k
join coupons c on c.id = k.coupon_id and c.saga is not null
left join sagas s on s.saga_id = saga_id_of(k.claim_id)
left join saga_definitions d on d.name = s.name and d.version = s.version
where case k.state
  -- The relay has not begun it yet.
  when 'reserved' then coalesce(s.state, 'R') not in ('R', 'C', 'A')
  -- Its undo was asked for after its end. An operator may have ended that undo as done: then all steps count as run.
  when 'confirmed' then not coalesce(
    s.state in ('D', 'C', 'A') or s.state = 'R' and s.step > jsonb_array_length(d.definition -> 'steps'), false
  )
  when 'redeemed' then s.state is distinct from 'D'
  else s.state is distinct from 'X' or s.ended_at is distinct from k.released_at
end
