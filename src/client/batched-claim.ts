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
export class BatchedClaim {
  /** As it stands in the body of a request. */
  readonly entry: { coupon_name: string; user_id?: string | undefined; idempotency_key: string };
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
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
    const { coupon_name, user_id } = args;
    this.entry = {
      coupon_name: plain(coupon_name) as string,
      user_id: plain(user_id),
      idempotency_key: key,
    };
    this.deadlineMs = deadlineMs;
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Text is what it should be. What else a caller passes is for the service to refuse, without the others of the batch. */
function plain(value: string | undefined): string | undefined {
  if (typeof value === 'string' || value === undefined) return value;
  return JSON.parse(JSON.stringify(value) ?? 'null');
}
