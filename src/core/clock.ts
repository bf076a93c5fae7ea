// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Time as the engine sees it: monotonic, for ages and deadlines only. No decision about a sale rests on it; the
 * database's clock, read under the coupon's lock, decides those.
 */
export type Clock = {
  /** Milliseconds since an arbitrary start; never steps back. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `run` when all that has arrived by now was taken in: at the end of this turn of the event loop. */
  atEndOfTurn(run: () => void): void;
  /** Calls `tick` every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, tick: () => void): () => void;
};
