-- Reads those of the sessions with these hashes ($1) that have not ended by not being used for $2 seconds, or by being $3 seconds
-- old. Where $4 is true they count as used now.
-- Locks: these rows. Index: console_sessions_primary_key.
update console_sessions s
set used_at = case when $4::boolean then greatest(now(), s.used_at) else s.used_at end
where s.id_hash = any (array(select decode(asked.hash, 'hex') from unnest($1::text[]) asked (hash)))
  and s.used_at > now() - make_interval(secs => $2::integer)
  and s.created_at > now() - make_interval(secs => $3::integer)
returning encode(s.id_hash, 'hex') as hash, encode(s.key_fingerprint, 'hex') as fingerprint,
  s.created_at + make_interval(secs => $3::integer) as ends_at,
  s.used_at + make_interval(secs => $2::integer) as idle_ends_at
