-- Stores a session with the hash $1 of its id and the fingerprint $2 of its key, and deletes up to 100 sessions that have ended:
-- those not used for $3 seconds, or created $4 seconds ago.
-- Locks: the deleted rows. The table has a few rows: logins are rare.
with ended as (
  delete from console_sessions s where s.ctid = any (array(
    select o.ctid from console_sessions o
    where o.used_at < now() - make_interval(secs => $3::integer) or o.created_at < now() - make_interval(secs => $4::integer)
    limit 100
    for update skip locked
  ))
)
insert into console_sessions (id_hash, key_fingerprint, created_at, used_at)
values (decode($1::text, 'hex'), decode($2::text, 'hex'), now(), now())
