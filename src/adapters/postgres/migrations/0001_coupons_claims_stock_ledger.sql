-- why: the three tables that hold a sale: what is offered, who holds what, and how the stock came and went
-- compatible: yes

create table coupons (
  id bigint generated always as identity constraint coupons_primary_key primary key,
  name text collate "C" not null
    constraint coupons_name_unique unique
    constraint coupons_name_length check (char_length(name) between 1 and 255),
  amount integer not null
    constraint coupons_amount_at_least_one check (amount >= 1),
  remaining_amount integer not null
    constraint coupons_never_oversold check (remaining_amount >= 0)
    constraint coupons_remaining_within_amount check (remaining_amount <= amount),
  opens_at timestamptz,
  closes_at timestamptz,
  paused boolean not null default false,
  -- The last seq of this coupon in stock_ledger, which grows by one under the row's lock: no gaps, no sequence.
  ledger_seq bigint not null
    constraint coupons_ledger_seq_at_least_one check (ledger_seq >= 1),
  -- Somebody is about to add stock where all is sold out. From here on nobody may begin to refuse from memory; those
  -- who do so already stop by themselves, and after that the stock is added.
  stock_announced boolean not null default false,
  -- The time of the last decision. No later decision is dated before it, even when the server's clock steps back.
  decided_at timestamptz not null,
  created_at timestamptz not null,
  constraint coupons_window_order check (closes_at > opens_at)
)
-- Each batch updates this row once. Room on its page keeps that update off the indexes.
with (fillfactor = 50);

create table claims (
  coupon_id bigint not null,
  user_id text collate "C" not null
    constraint claims_user_id_length check (char_length(user_id) between 1 and 255),
  position integer not null
    constraint claims_position_at_least_one check (position >= 1),
  claim_id uuid not null,
  claimed_at timestamptz not null,
  idempotency_key text collate "C",
  constraint claims_one_per_user primary key (coupon_id, user_id),
  constraint claims_one_per_position unique (coupon_id, position)
);
-- Whatever the statistics say, one coupon may have all the claims. Where they told of many small coupons, a plan would
-- look a user up by claims_one_per_position and walk all claims of the coupon that is hot today.
alter table claims alter column coupon_id set (n_distinct = 1);

create table stock_ledger (
  coupon_id bigint not null,
  seq bigint not null
    constraint stock_ledger_seq_at_least_one check (seq >= 1),
  -- Unique, so that a batch whose void mark is committed can never commit itself.
  batch_id uuid not null
    constraint stock_ledger_one_per_batch unique,
  kind text not null
    constraint stock_ledger_kind_known check (kind in ('grant', 'stock_added', 'claimed', 'void')),
  -- What the stock gained (grant, stock_added) or gave away (claimed); 0 for a void mark.
  units integer not null,
  first_position integer,
  remaining_after integer not null
    constraint stock_ledger_never_oversold check (remaining_after >= 0),
  recorded_at timestamptz not null,
  constraint stock_ledger_primary_key primary key (coupon_id, seq),
  constraint stock_ledger_units_match_kind check (case kind when 'void' then units = 0 else units >= 1 end),
  constraint stock_ledger_position_match_kind check ((kind = 'claimed') = (first_position is not null))
);
