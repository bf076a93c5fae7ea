// SPDX-License-Identifier: GPL-3.0-or-later
/** Counts the requests of rate limits in this process. */
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Rate } from '../../core/limits/rate.ts';
import type { RequestCounts } from '../../core/limits/rate-limit.ts';
import { OldestOut } from '../../core/oldest-out.ts';

/** The counts of one limit. With more than `keysMax` keys, those whose window began first are forgotten. */
export function countInProcess({ requests, seconds }: Rate, keysMax: number): RequestCounts {
  const windows = new RateLimiterMemory({ points: requests, duration: seconds, keyPrefix: '' });
  // The package would keep any number of keys.
  const keys = new OldestOut<true>(keysMax);
  const add = async (key: string, count: number) => {
    const window = await windows.penalty(key, count);
    if (window.isFirstInDuration) {
      const oldest = keys.set(key, true);
      if (oldest !== undefined) void windows.delete(oldest);
    }
    return { requests: window.consumedPoints, endsInMs: window.msBeforeNext };
  };
  return {
    add,
    addEach: (requests) => Promise.all([...requests].map(([key, count]) => add(key, count))),
  };
}
