-- A saga runs or is done, or its steps are undone or it is compensated, and it has ended only if it is done or compensated.
select saga_id, coupon_id, position, state, is_undoing, step, ended_at from sagas
where case state when 'R' then is_undoing when 'D' then is_undoing when 'A' then false else not is_undoing end
  or (state in ('D', 'X')) <> (ended_at is not null)
  or state = 'X' and step <> 0
