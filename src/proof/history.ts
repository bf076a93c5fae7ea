// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the drill records and the audit judges: a history, which is one JSON object a line, in the order in which the
 * recording process saw the events. It holds what clients saw and nothing that only the service could know.
 */

/** What was asked of the service. */
export const operations = ['create', 'claim', 'find_claim', 'read', 'add_stock'] as const;

/** One of `operations`. */
export type Operation = (typeof operations)[number];

/**
 * One event. Each operation has an `invoke` and, unless the recording ended before, one completion:
 * - `ok`: answered with success, a claim that is stored or what was read;
 * - `fail`: answered with `effect: none`, so it changed nothing and never will;
 * - `info`: nobody can tell. No answer, a broken connection, or an answer with `effect: unknown`.
 */
export type HistoryEvent = {
  /** Counted from 0 without gaps. */
  i: number;
  /** Milliseconds of a monotonic clock since the recording began. */
  t_ms: number;
  type: 'invoke' | 'ok' | 'fail' | 'info';
  /** Joins a completion to its `invoke`; counted from 0. */
  op: number;
  /** A client that does one thing after the other. After an `info` it goes on under a new number. */
  proc: number;
  /** The URL of the node that was asked. */
  node: string;
  f: Operation;
  coupon: string;
  user?: string;
  /** The idempotency key. */
  key?: string;
  /** Which try of the same intent this is, counted from 1. */
  attempt?: number;
  /** On `create` and `add_stock`: the units. */
  units?: number;
  /** On a `create`, where the sale has a window: its ends as RFC 3339 texts. */
  opens_at?: string | null;
  closes_at?: string | null;

  // On completions:
  /** The status; absent when no answer came. */
  http?: number;
  /** The outcome or the code of the error as the answer tells it; `timeout`, `reset` or `refused` where none came. */
  outcome?: string;
  effect?: 'none' | 'unknown';
  /** Of the claim that the answer shows, or that an `outcome_unknown` names. */
  claim_id?: string;
  position?: number;
  claimed_at?: string;
  /** Seconds, as the header `Retry-After` says; absent without one. */
  retry_after_s?: number;
  /** On a `read`: what it showed. */
  amount?: number;
  remaining_amount?: number;
};

/**
 * The beginning or the end of what was broken on purpose while a history was recorded; a file of its own, one JSON object
 * a line. Instead of `t_ms` there may be `at`, an RFC 3339 text, which is held against the `started_at` of the history.
 */
export type FaultEvent = {
  t_ms: number;
  /** The kind of fault, such as `postgres_immediate_stop`. */
  fault: string;
  phase: 'start' | 'end';
  /** Rows of the failure table that it stands for. */
  rows?: number[];
  detail?: string;
};

/** The first line of a history: what was run. */
export type HistoryHead = {
  history: 'firstcome';
  version: 1;
  scenario: string;
  seed: number;
  nodes: string[];
  started_at: string;
  /** The options of the run, for whoever wants to repeat it. */
  options: Record<string, unknown>;
};
