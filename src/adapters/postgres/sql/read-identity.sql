-- Reads the identity of the installation in the search path. The identity of each later session must be the same. Fails where
-- the installation lacks a function that check-session needs.
-- Locks: none.
select installation_identity() as identity, server_identity() as server, is_history_lost() as is_history_lost
