// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The dump: the tables after the run, read in one snapshot once nothing is under way. 64-bit numbers and times are
 * texts, since a double or a `Date` would drop digits. Times are RFC 3339 in UTC with six digits.
 */
export type Dump = {
  dump: 'firstcome';
  version: 1;
  taken_at: string;
  coupons: DumpedCoupon[];
  claims: DumpedClaim[];
  ledger: DumpedLedgerRow[];
};

/** A row of `coupons`. */
export type DumpedCoupon = {
  id: string;
  name: string;
  amount: number;
  remaining_amount: number;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  ledger_seq: string;
  decided_at: string;
  created_at: string;
};

/** A row of `claims`. */
export type DumpedClaim = {
  coupon_id: string;
  user_id: string;
  position: number;
  claim_id: string;
  claimed_at: string;
  idempotency_key: string | null;
};

/** A row of `stock_ledger`. */
export type DumpedLedgerRow = {
  coupon_id: string;
  seq: string;
  batch_id: string;
  kind: string;
  units: number;
  first_position: number | null;
  remaining_after: number;
  recorded_at: string;
};
