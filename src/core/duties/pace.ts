// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

/** When work may begin. */
export type Pace = {
  /**
   * Resolves when a piece of work may begin: at once, or, while the rate is limited, in turn and as soon as what has begun
   * before has used up its time. Resolves at once when the signal aborts; never rejects.
   */
  turn(signal: AbortSignal): Promise<void>;
  /** Counts what begins in the same turn beside its first piece. It is known only once the work was looked for. */
  addToTurn(count: number): void;
};

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
  const add = (count: number) => {
    freeAtMs = Math.max(freeAtMs, clock.nowMs()) + count * msEach;
  };
  const takeTurn = async (signal: AbortSignal) => {
    while (isLimited() && !signal.aborted) {
      const waitMs = freeAtMs - clock.nowMs();
      if (waitMs <= 0) {
        add(1);
        return;
      }
      await clock.sleep(Math.min(waitMs, lookMs), signal);
    }
  };
  return {
    turn(signal) {
      lastTurn = lastTurn.then(() => takeTurn(signal));
      return lastTurn;
    },
    addToTurn(count) {
      if (count > 0 && isLimited()) add(count);
    },
  };
}
