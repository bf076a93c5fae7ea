-- Makes the search path of the session that of its role, its database and its URL again.
-- Locks: none.
reset search_path
