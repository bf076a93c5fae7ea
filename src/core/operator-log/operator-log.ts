// SPDX-License-Identifier: GPL-3.0-or-later
/** The operator log: who created, changed, released or deleted what. It is written in the transaction of each change, and never changed. */
import type { SagaState } from '../sagas/saga.ts';

/** The operations that are logged. */
export const operatorActions = [
  'create_coupon',
  'change_coupon',
  'archive_coupon',
  'unarchive_coupon',
  'add_stock',
  'release_claim',
  'create_webhook',
  'delete_webhook',
  'rotate_webhook_secret',
  'enable_webhook',
  'retry_saga',
  'resolve_saga',
  'redrive_dead_letter',
  'discard_dead_letter',
  'accept_history',
] as const;

/**
 * What a change came with: the admin key or the next one, no key where none is needed, the library, or a command that
 * works on the database.
 */
export const actors = ['admin', 'admin-next', 'anonymous', 'library', 'cli'] as const;

/** One of `actors`. */
export type Actor = (typeof actors)[number];

/** Who makes a change, for the operator log. */
export type ActedBy = {
  actor: Actor;
  /** The id of the HTTP request; null where there is none. */
  requestId: string | null;
};

/** What the log records of a coupon, with the names of the API. Entries of older releases lack the optional members. */
export type LoggedCoupon = {
  amount: number;
  remaining_amount: number;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  archived: boolean;
  hold_seconds?: number | null;
  claims_per_user_max?: number;
  saga?: string | null;
  stock_low_at?: number | null;
  title?: string | null;
  description?: string | null;
  pause_reason?: string | null;
};

/** What the log records of a claim, with the names of the API. */
export type LoggedClaim = {
  claim_id: string;
  user_id: string;
  position: number;
  claimed_at: string;
  state: 'reserved' | 'confirmed' | 'released';
  expires_at?: string;
  confirmed_at?: string;
  released_at?: string;
  reason?: string;
  /** Of the saga that was asked for its undo. */
  saga_state?: SagaState;
  /** Whether the user can never claim this coupon again. Absent before the claim is released. */
  final?: boolean;
};

/** What the log records of a webhook, with the names of the API. */
export type LoggedWebhook = {
  webhook_id: string;
  url: string;
  events: string[];
  /** How many secrets sign its deliveries. */
  secret_count: number;
  /** Why it was disabled, before it was enabled. */
  disabled_reason?: string;
};

/** What the log records of a saga, with the names of the API. */
export type LoggedSaga = {
  saga_id: string;
  /** Its name in `SAGAS_FILE`. */
  saga: string;
  user_id: string;
  position: number;
  state: SagaState;
  /** The step that is run or undone next. */
  step: number;
  cause?: string;
  /** What an operator has said of it. */
  resolved_as?: 'done' | 'compensated';
};

/** What the log records of a dead letter, with the names of the API. */
export type LoggedDeadLetter = {
  dead_letter_id: string;
  /** Null where the letter holds no claim that can be decided. */
  claim_id: string | null;
  user_id: string | null;
  dead_reason: string;
};

/** What the log records of a loss that was accepted, in one coupon, with the names of the API. */
export type LoggedLoss = {
  lost_batches: number;
  lost_claims: number;
  lost_changes: number;
  /** The highest position that is known of it. */
  last_position: number;
};

/**
 * What an entry shows of its subject: a claim for `release_claim`, a webhook, a saga or a dead letter for the changes of one, a loss,
 * else the coupon.
 */
export type LoggedSubject =
  | LoggedCoupon
  | LoggedClaim
  | LoggedWebhook
  | LoggedSaga
  | LoggedDeadLetter
  | LoggedLoss;

/** One logged change. `before` is null for a creation, `after` for a deletion. */
export type OperatorLogEntry = {
  id: string;
  at: string;
  actor: Actor;
  action: (typeof operatorActions)[number];
  /** Null for a webhook that gets the events of all coupons, and for a dead letter without a claim. */
  couponName: string | null;
  before: LoggedSubject | null;
  after: LoggedSubject | null;
  reason: string | null;
  requestId: string | null;
};

/** The position of an entry in the log: its time in microseconds since 1970, and its id. */
export type LogPosition = { microseconds: string; id: string };

/** Reads a page of the log, the newest entry first. `next` is where the next page begins; undefined after the last one. */
export type ReadOperatorLog = (query: {
  before: LogPosition | undefined;
  limit: number;
}) => Promise<{ entries: OperatorLogEntry[]; next: LogPosition | undefined }>;
