-- why: with DURABILITY_MIN nothing may be decided while the database commits less durably than that
-- compatible: yes

-- Returns true where a commit of this session is as durable as `firstcome.durability_min` of the session demands:
-- 'replicated' or 'local', and nothing where it is not set. Else it raises FC001, before the statement has done anything:
-- in a "where" without a table it is a one-time filter, evaluated before the function in the "from".
create function require_durability() returns boolean
language plpgsql stable parallel safe
as $$
declare
  wanted text := coalesce(current_setting('firstcome.durability_min', true), '');
  level text;
begin
  if wanted = '' then
    return true;
  end if;
  level := case
    when current_setting('fsync') = 'off' or current_setting('synchronous_commit') = 'off' then 'unsafe'
    when current_setting('synchronous_standby_names') = '' or current_setting('synchronous_commit') = 'local' then 'local'
    else 'replicated'
  end;
  if level = 'replicated' or level = wanted then
    return true;
  end if;
  raise exception 'the durability of the database is now "%", and at least "%" is required', level, wanted
    using errcode = 'FC001', hint = 'Restore the standby, or lower DURABILITY_MIN.';
end
$$;
