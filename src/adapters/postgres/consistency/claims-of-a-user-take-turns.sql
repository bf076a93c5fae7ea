-- A user's claim of a coupon is released before the user's next claim of it is made.
select * from (
  select coupon_id, user_id, position, claimed_at,
    lag(position) over of_user as position_before,
    lag(coalesce(released_at, 'infinity')) over of_user as released_before
  from (
    select coupon_id, user_id, position, claimed_at, null::timestamptz as released_at from claims
    union all
    select coupon_id, user_id, position, claimed_at, released_at from released_claims
  ) stored
  window of_user as (partition by coupon_id, user_id order by position)
) compared
where released_before > claimed_at
