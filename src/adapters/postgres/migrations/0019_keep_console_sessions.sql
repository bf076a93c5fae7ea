-- why: an operator logs in to the console once, and the browser keeps a session that can be ended instead of the key
-- compatible: yes

-- Sessions of the console. No row has what its cookie or its key is.
create table console_sessions (
  -- The SHA-256 of the text in the cookie.
  id_hash bytea not null constraint console_sessions_primary_key primary key,
  -- The HMAC-SHA-256 of the key, with the text in the cookie as its secret: only a request with the cookie can verify it.
  key_fingerprint bytea not null,
  created_at timestamptz not null,
  used_at timestamptz not null
);
