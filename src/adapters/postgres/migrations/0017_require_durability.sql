-- why: with DURABILITY_MIN nothing may be decided while the database commits less durably than that
-- compatible: yes

-- Raises FC001 unless a commit of this session is as durable as in_level demands: 'replicated' or 'local'. Else returns true.
create function require_durability_of(in_level text) returns boolean
language plpgsql stable parallel safe
as $$
declare
  level text := case
    when current_setting('fsync') = 'off' or current_setting('synchronous_commit') = 'off' then 'unsafe'
    when current_setting('synchronous_standby_names') = '' or current_setting('synchronous_commit') = 'local' then 'local'
    else 'replicated'
  end;
begin
  if level = 'replicated' or level = in_level then
    return true;
  end if;
  raise exception 'the durability of the database is now "%", and at least "%" is required', level, in_level
    using errcode = 'FC001', hint = 'Restore the standby, or lower DURABILITY_MIN.';
end
$$;

-- Requires `firstcome.durability_min` of the session, and nothing where it is not set, before the statement has done anything:
-- in a "where" without a table it is a one-time filter, evaluated before the function in the "from". In SQL, so that a plan has
-- its text in place of the call: a claim of a session without the setting pays nearly nothing.
create function require_durability() returns boolean
language sql stable parallel safe
as $$
  select case
    when coalesce(current_setting('firstcome.durability_min', true), '') = '' then true
    else require_durability_of(current_setting('firstcome.durability_min'))
  end
$$;
