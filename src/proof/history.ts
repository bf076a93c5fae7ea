// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The history: what the drill records and the audit judges. It is one JSON object a line, in the order in which the
 * recording process saw the events. It holds what clients saw, and nothing that only the service can know.
 */

/** The operations that a client can send to the service. */
export const operations = [
  ...(['create', 'claim', 'find_claim', 'read', 'add_stock'] as const),
  ...(['confirm', 'release', 'redeem', 'list_claims', 'read_ticket'] as const),
] as const;

/** One of `operations`. */
export type Operation = (typeof operations)[number];

/** The operations that change a claim. */
export const claimChanges = ['confirm', 'release', 'redeem'] as const;

/** The states of a claim. */
export const claimStates = ['reserved', 'confirmed', 'redeemed', 'released'] as const;

/** The states of a saga. */
export const sagaStates = [
  ...(['running', 'compensating', 'needs_attention', 'done', 'compensated'] as const),
] as const;

/** The states of a ticket; all but the first are final. */
export const ticketStates = ['accepted', 'decided', 'expired', 'failed'] as const;

/** One of `ticketStates`. */
export type TicketState = (typeof ticketStates)[number];

/** One of `sagaStates`. */
export type SagaState = (typeof sagaStates)[number];

/** One of `claimStates`. */
export type ClaimState = (typeof claimStates)[number];

/** One of `claimChanges`. */
export type ClaimChange = (typeof claimChanges)[number];

/**
 * One event. Each operation has one `invoke`, and one completion unless the recording ended first:
 * - `ok`: the answer is a success; it shows a stored claim, or what was read;
 * - `fail`: the answer has `effect: none`, so the operation changed nothing and never will;
 * - `info`: the outcome is unknown. No answer, a broken connection, or an answer with `effect: unknown`.
 *
 * A claim that is answered with 202 has an `accepted` in between: its ticket waits for a decision, and the operation goes
 * on. It completes when a client has read the final state of the ticket, as if that were its answer.
 */
export type HistoryEvent = {
  /** Counted from 0 without gaps. */
  i: number;
  /** Milliseconds of a monotonic clock since the recording began. */
  t_ms: number;
  type: 'invoke' | 'accepted' | 'ok' | 'fail' | 'info';
  /** Connects a completion to its `invoke`; counted from 0. */
  op: number;
  /**
   * A client that has one operation under way at a time. After an `info` and after an `accepted` it continues under a new
   * number.
   */
  proc: number;
  /** The URL of the node that received the request. */
  node: string;
  f: Operation;
  coupon: string;
  user?: string;
  /** The idempotency key. */
  key?: string;
  /** The number of this attempt at the same intent, counted from 1. */
  attempt?: number;
  /** On `create` and `add_stock`: the units. */
  units?: number;
  /** On a `create` with a sale window: its ends as RFC 3339 texts. */
  opens_at?: string | null;
  closes_at?: string | null;
  /** On a `read`: the age in seconds that it accepts, as `Cache-Control: max-age`; 0: none. Absent: the service decides. */
  max_age_s?: number;
  /** On a `list_claims`: the cursor of the page; absent for the first page. */
  cursor?: string;
  /** On a `create` of a coupon whose claims begin as holds, and of one whose claims have a saga of this name. */
  hold_seconds?: number;
  saga?: string;

  /** On an `accepted`, on the `invoke` of a `read_ticket`, and on an `outcome_unknown` that names a ticket. */
  ticket_id?: string;

  // On completions:
  /** The HTTP status; absent without an answer. */
  http?: number;
  /** The outcome or error code of the answer; `timeout`, `reset` or `refused` without one. */
  outcome?: string;
  effect?: 'none' | 'unknown';
  /**
   * The id of the claim in the answer, or of the claim that an `outcome_unknown` names. On the `invoke` of a `confirm`,
   * `release` or `redeem`: the claim that the request names.
   */
  claim_id?: string;
  position?: number;
  claimed_at?: string;
  /** The state of the claim in the answer and its times, where the answer has them. Old histories have none of these. */
  state?: ClaimState;
  expires_at?: string;
  confirmed_at?: string;
  redeemed_at?: string;
  released_at?: string;
  /** The saga of the claim, where it has one. */
  saga_id?: string;
  saga_state?: SagaState;
  /** On a `read_ticket`, and on the completion of an accepted claim: the state of the ticket. */
  ticket_state?: TicketState;
  /** On a `read_ticket`: what was decided, as the answer shows it. */
  result?: Record<string, unknown>;
  /** On a `list_claims`: the claims of the page with their states. */
  claims?: [claim_id: string, state: ClaimState][];
  /** On a `list_claims`: the cursor of the next page; absent on the last page. */
  next_cursor?: string;
  /** Seconds, from the header `Retry-After`; absent without one. */
  retry_after_s?: number;
  /** On a `read`: seconds, from the header `Age`; absent without one, for an answer that is fresh. */
  age_s?: number;
  /** On a `read`: what the answer showed. */
  amount?: number;
  remaining_amount?: number;
};

/** What a book records: money that was authorized, captured, or given back; points that were granted or taken back. */
export const bookActions = [
  ...(['authorize', 'capture', 'void', 'refund', 'grant', 'revoke'] as const),
] as const;

/** One of `bookActions`. */
export type BookAction = (typeof bookActions)[number];

/** The kinds of books: of money, or of points. */
export const bookKinds = ['payment', 'loyalty'] as const;

/** One of `bookKinds`. */
export type BookKind = (typeof bookKinds)[number];

/**
 * What the outside of the service saw: the books of the participants of sagas, and the receiver of a webhook. These lines
 * stand among the events of the history and are numbered with them, so their order is known too.
 */
export type OutsideRecord = { i: number; t_ms: number } & OutsideContent;

/** The content of such a line. */
export type OutsideContent =
  | SubscribedRecord
  | ReceivedRecord
  | DeliveredRecord
  | BookAskedRecord
  | EntryRecord
  | BookReadRecord;

/** A webhook for the events of a coupon was created. It gets those from `created_at` on, by the clock of the database. */
export type SubscribedRecord = {
  type: 'subscribed';
  webhook_id: string;
  coupon: string;
  events: string[];
  created_at: string;
};

/** The receiver got an event, again or for the first time. */
export type ReceivedRecord = {
  type: 'received';
  id: string;
  event: string;
  at: string;
  coupon: string;
  /** Whether its signature is that of the secret of the webhook. */
  signed: boolean;
  /** On events of a claim. */
  user?: string;
  claim_id?: string;
  position?: number;
  state?: ClaimState;
};

/** After all: how many deliveries of the webhook the service still has to make, and how many it has given up. */
export type DeliveredRecord = { type: 'delivered'; pending: number; given_up: number };

/** A participant is asked for its book. */
export type BookAskedRecord = { type: 'book_asked'; book: string; kind: BookKind };

/** An entry of a book that this reading is the first to show. `seq` is its place in the book. */
export type EntryRecord = {
  type: 'entry';
  book: string;
  seq: number;
  saga_id: string;
  step: string;
  action: BookAction;
  claim_id: string;
  user: string;
  coupon: string;
  amount: number;
};

/** The participant has answered: at a moment since `book_asked`, `seq` was the last entry of its book. */
export type BookReadRecord = { type: 'book_read'; book: string; kind: BookKind; seq: number };

/**
 * The start or the end of a fault that was injected while a history was recorded. Faults are a file of their own, one
 * JSON object a line. In place of `t_ms` a line may have `at`, an RFC 3339 text, which the audit compares with the
 * `started_at` of the history.
 */
export type FaultEvent = {
  t_ms: number;
  /** The type of the fault, such as `postgres_immediate_stop`. */
  fault: string;
  phase: 'start' | 'end';
  /** The rows of the fault table that it belongs to. */
  rows?: number[];
  detail?: string;
};

/** The first line of a history: what ran. */
export type HistoryHead = {
  history: 'firstcome';
  version: 1;
  scenario: string;
  seed: number;
  nodes: string[];
  started_at: string;
  /** The options of the run, so that it can be repeated. */
  options: Record<string, unknown>;
};
