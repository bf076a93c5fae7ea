// SPDX-License-Identifier: GPL-3.0-or-later
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../core/clock.ts';

/** The machine's monotonic clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),

  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener('abort', wake);
    }),

  atEndOfTurn(run) {
    setImmediate(run);
  },

  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
