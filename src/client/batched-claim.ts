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

/** A claim that is sent in batches. */
export class BatchedClaim implements ClaimLimits {
  readonly args: ClaimCouponArguments;
  readonly key: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** The entry of the claim in the body of a request. */
  readonly json: string;
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
    this.json = jsonOf(args, key);
    this.resolve = resolve;
    this.reject = reject;
  }
}

function jsonOf({ coupon_name, user_id }: ClaimCouponArguments, key: string): string {
  const idempotency_key = key;
  // In parts, since this is faster than an object. What is no text is for the service to refuse.
  return typeof coupon_name === 'string' && typeof user_id === 'string'
    ? `{"coupon_name":${JSON.stringify(coupon_name)},"user_id":${JSON.stringify(user_id)},` +
        `"idempotency_key":${JSON.stringify(idempotency_key)}}`
    : JSON.stringify({ coupon_name, user_id, idempotency_key });
}
