-- The tables of the usual design: one transaction inserts the claim and takes a unit by a conditional update.
-- No foreign key, which would lock the coupon's row a second time; room on its page keeps the update off the indexes.
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
