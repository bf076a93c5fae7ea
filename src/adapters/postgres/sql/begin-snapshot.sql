-- Begins a transaction that only reads. Its first query takes the snapshot that all later ones read from. Locks that it
-- takes before that query keep the snapshot current.
begin isolation level repeatable read read only
