// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Monotonic time, for ages and deadlines only. Decisions about a sale use the database's clock, which is read under the
 * coupon's lock.
 */
export type Clock = {
  /** Milliseconds since an arbitrary start; never goes back. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` at the end of this turn of the event loop, when all input that has arrived is read. */
  atEndOfTurn(run: () => void): void;
  /** Calls `tick` every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, tick: () => void): () => void;
};
