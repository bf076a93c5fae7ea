// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

/**
 * Resolves when `count` pieces of work may begin: at once, or, while the rate is limited, in turn and as soon as those before
 * have used up their time. Resolves at once when the signal aborts; never rejects.
 */
export type Pace = (count: number, signal: AbortSignal) => Promise<void>;

// How soon work that waits begins once the rate is not limited any more.
const lookMs = 50;

/** Limits the rate of work while `isLimited` says so: to one piece each `msEach` milliseconds. */
export function createPace(options: {
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  isLimited(): boolean;
  msEach: number;
}): Pace {
  const { clock, isLimited, msEach } = options;
  let freeAtMs = Number.NEGATIVE_INFINITY;
  let lastTurn = Promise.resolve();
  const takeTurn = async (count: number, signal: AbortSignal) => {
    while (isLimited() && !signal.aborted) {
      const waitMs = freeAtMs - clock.nowMs();
      if (waitMs <= 0) {
        freeAtMs = clock.nowMs() + count * msEach;
        return;
      }
      await clock.sleep(Math.min(waitMs, lookMs), signal);
    }
  };
  return (count, signal) => {
    lastTurn = lastTurn.then(() => takeTurn(count, signal));
    return lastTurn;
  };
}
