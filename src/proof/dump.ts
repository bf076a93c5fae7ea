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
  /** The claims that ended. Absent in the dump of a database in which claims are final. */
  released_claims?: DumpedReleasedClaim[];
  /** Absent like `released_claims`. */
  redemptions?: DumpedRedemption[];
  /** The sagas of claims. Absent in the dump of a database that has none. */
  sagas?: DumpedSaga[];
  /** Absent like `sagas`. */
  saga_steps?: DumpedSagaStep[];
  /** The final states of tickets. Absent in the dump of a database that has none. */
  tickets?: DumpedTicket[];
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
  /** How long its claims are held; null or absent for a coupon without holds. */
  hold_seconds?: number | null;
  claims_per_user_max?: number | null;
  /** The units that came back, ever. */
  returned_units?: string | null;
  /** The saga that its claims begin; null or absent where they begin none. */
  saga?: string | null;
  /** At how many units left `coupon.stock_low` happens. */
  stock_low_at?: number | null;
};

/** A row of `claims`: a claim that has not been released. */
export type DumpedClaim = {
  coupon_id: string;
  user_id: string;
  position: number;
  claim_id: string;
  claimed_at: string;
  idempotency_key: string | null;
  /** When the hold ends, of a claim that is reserved; `infinity` where its saga ends it. */
  expires_at?: string | null;
  /** Only after a confirm. */
  confirmed_at?: string | null;
};

/** A row of `released_claims`. */
export type DumpedReleasedClaim = Omit<DumpedClaim, 'expires_at'> & {
  released_at: string;
  /** `expired`, or the text of the caller. */
  reason: string | null;
  /** Whether the user can never claim this coupon again. */
  is_final: boolean;
};

/** A row of `redemptions`. */
export type DumpedRedemption = {
  coupon_id: string;
  user_id: string;
  claim_id: string;
  redeemed_at: string;
  idempotency_key: string | null;
};

/** A row of `sagas`. */
export type DumpedSaga = {
  saga_id: string;
  coupon_id: string;
  position: number;
  claim_id: string;
  user_id: string;
  /** `R` running, `C` compensating, `A` needs attention, `D` done, `X` compensated. */
  state: string;
  cause: string | null;
  /** Whether an operator has said how it ends, so that its steps need not agree with its state. */
  is_resolved: boolean;
};

/** A row of `saga_steps`. */
export type DumpedSagaStep = {
  saga_id: string;
  step: number;
  /** `P` called, `D` done, `N` declined, `Q` unknown, `U` undone. */
  state: string;
};

/** A row of `tickets`. */
export type DumpedTicket = {
  /** The id under which the claim was sent to its decision. */
  claim_id: string;
  accepted_at: string;
  decided_at: string;
  /** What was decided, or `ticket_expired` or `ticket_failed`. */
  outcome: string;
  /** The claim of the outcome; null where it has none. */
  coupon_id: string | null;
  user_id: string | null;
  position: number | null;
  /** The id of that claim where it is another one than that of the ticket. */
  held_claim_id: string | null;
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
  /** The units that came back in this batch; null or absent in a batch of claims only. */
  returned_units?: number | null;
  /** The claims that the batch changed, and how: `C` confirmed, `R` released, `E` expired, `U` redeemed. */
  changed_positions?: number[] | null;
  changes?: string[] | null;
};
