-- why: a service that runs recognises that its database was replaced or restored, and that a session is elsewhere
-- compatible: yes

-- One row, written once: the id that tells this installation from every other. A copy of the database keeps it.
create table installation (
  id uuid not null constraint installation_primary_key primary key,
  only_row boolean not null default true
    constraint installation_has_one_row unique
    constraint installation_only_row_is_true check (only_row),
  created_at timestamptz not null
);
insert into installation (id, created_at) values (gen_random_uuid(), clock_timestamp());

-- Identifies the tables that the caller's session works on, as one text that is only compared. It differs
-- - for another installation, by its id;
-- - for a copy on another server, by the identifier that initdb gives each cluster (a standby has that of its primary);
-- - for a copy in another database of the same server, and for a dump restored over the old tables, by their OIDs.
-- A role without the right to read the identifier of the cluster goes without it.
create function installation_identity() returns text
language plpgsql stable as $$
declare
  cluster_id text;
begin
  begin
    select system_identifier into cluster_id from pg_control_system();
  exception when insufficient_privilege then
    cluster_id := 'unknown';
  end;
  return (
    select concat_ws('/', i.id, cluster_id, d.oid, to_regclass('coupons')::oid)
    from installation i, pg_database d
    where d.datname = current_database()
  );
end
$$;
