-- Reads the identity of the installation in the search path, which sessions are compared with from then on.
-- Locks: none.
select installation_identity() as identity
