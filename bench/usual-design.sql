-- The tables of the usual design: one transaction inserts the claim and takes a unit with a conditional update.
-- Without a foreign key, which would lock the coupon's row a second time. Free space on each page allows updates that
-- do not touch the indexes.
create table coupons (
  id bigint generated always as identity primary key,
  name text not null unique,
  amount integer not null,
  remaining integer not null check (remaining >= 0)
) with (fillfactor = 50);

create table claims (
  coupon_id bigint not null,
  user_id text not null,
  claim_id uuid not null,
  idempotency_key text,
  claimed_at timestamptz not null default now(),
  primary key (coupon_id, user_id)
);
