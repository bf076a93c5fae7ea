// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The history: what the drill records and the audit judges. It is one JSON object a line, in the order in which the
 * recording process saw the events. It holds what clients saw, and nothing that only the service can know.
 */

/** The operations that a client can send to the service. */
export const operations = [
  ...(['create', 'claim', 'find_claim', 'read', 'add_stock'] as const),
  ...(['confirm', 'release', 'redeem', 'list_claims'] as const),
] as const;

/** One of `operations`. */
export type Operation = (typeof operations)[number];

/** The operations that change a claim. */
export const claimChanges = ['confirm', 'release', 'redeem'] as const;

/** The states of a claim. */
export const claimStates = ['reserved', 'confirmed', 'redeemed', 'released'] as const;

/** One of `claimStates`. */
export type ClaimState = (typeof claimStates)[number];

/** One of `claimChanges`. */
export type ClaimChange = (typeof claimChanges)[number];

/**
 * One event. Each operation has one `invoke`, and one completion unless the recording ended first:
 * - `ok`: the answer is a success; it shows a stored claim, or what was read;
 * - `fail`: the answer has `effect: none`, so the operation changed nothing and never will;
 * - `info`: the outcome is unknown. No answer, a broken connection, or an answer with `effect: unknown`.
 */
export type HistoryEvent = {
  /** Counted from 0 without gaps. */
  i: number;
  /** Milliseconds of a monotonic clock since the recording began. */
  t_ms: number;
  type: 'invoke' | 'ok' | 'fail' | 'info';
  /** Connects a completion to its `invoke`; counted from 0. */
  op: number;
  /** A client that has one operation under way at a time. After an `info` it continues under a new number. */
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
  /** On a `list_claims`: the cursor of the page; absent for the first page. */
  cursor?: string;
  /** On a `create` of a coupon whose claims begin as holds. */
  hold_seconds?: number;

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
  /** On a `list_claims`: the claims of the page with their states. */
  claims?: [claim_id: string, state: ClaimState][];
  /** On a `list_claims`: the cursor of the next page; absent on the last page. */
  next_cursor?: string;
  /** Seconds, from the header `Retry-After`; absent without one. */
  retry_after_s?: number;
  /** On a `read`: what the answer showed. */
  amount?: number;
  remaining_amount?: number;
};

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
