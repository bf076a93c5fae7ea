// SPDX-License-Identifier: GPL-3.0-or-later
import type { Refusal, Unknown } from './results.ts';

/**
 * What the client throws, besides the reason of an aborted signal. A call throws it only where the answer does not come from
 * a firstcome service: a redirect, a page of a proxy, JSON of another API. An iterator also throws it where the service
 * refuses, or cannot be reached before the deadline.
 */
export class FirstcomeError extends Error {
  override readonly name = 'FirstcomeError';
  /** The HTTP status of the answer, if there was one. */
  readonly status: number | undefined;
  /** Why an iterator ended: what a call would have returned. */
  readonly result: Refusal | Unknown | undefined;

  constructor(
    message: string,
    details: { status?: number; result?: Refusal | Unknown; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.status = details.status;
    this.result = details.result;
  }
}
