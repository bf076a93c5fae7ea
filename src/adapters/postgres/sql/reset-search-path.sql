-- Resets the search path of the session to that of its role, its database and its URL.
-- Locks: none.
reset search_path
