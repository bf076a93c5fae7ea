// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimCouponArguments } from './api-types.ts';
import type { Ending } from './ending.ts';
import type { ClaimResult } from './results.ts';

/** The key and the limits of one claim. */
export type ClaimLimits = {
  key: string;
  /** In milliseconds of `environment.now`. */
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** How an attempt ended that was made before. */
  earlier?: Ending | undefined;
};

/** A claim in the body of a request. */
export type BatchEntry = {
  coupon_name: string;
  user_id: string | undefined;
  idempotency_key: string;
};

/** A claim that is sent in batches. */
export class BatchedClaim implements ClaimLimits {
  readonly args: ClaimCouponArguments;
  readonly key: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** The entry of the claim in the body of a request. */
  readonly entry: BatchEntry;
  readonly resolve: (result: ClaimResult) => void;
  readonly reject: (reason: unknown) => void;
  /** Its caller has a result. */
  isDone = false;
  attempts = 0;
  /** When it is sent again. */
  dueAtMs = 0;
  /** How its last attempt ended. */
  earlier: Ending | undefined;
  /** The listener on `signal`. */
  onAbort: (() => void) | undefined;

  constructor(
    args: ClaimCouponArguments,
    { key, deadlineMs, signal }: ClaimLimits,
    resolve: (result: ClaimResult) => void,
    reject: (reason: unknown) => void,
  ) {
    this.args = args;
    this.key = key;
    this.deadlineMs = deadlineMs;
    this.signal = signal;
    this.entry = entryOf(args, key);
    this.resolve = resolve;
    this.reject = reject;
  }
}

function entryOf({ coupon_name, user_id }: ClaimCouponArguments, key: string): BatchEntry {
  const entry = { coupon_name, user_id, idempotency_key: key };
  // What is no text is for the service to refuse. What has no JSON fails here, and not the request of all.
  const isText = typeof coupon_name === 'string' && typeof user_id === 'string';
  return isText ? entry : JSON.parse(JSON.stringify(entry));
}
