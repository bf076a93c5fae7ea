-- Reads the identity of the installation in the search path. The identity of each later session must be the same.
-- Locks: none.
select installation_identity() as identity
