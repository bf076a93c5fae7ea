// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { OldestOut } from '../oldest-out.ts';
import type { Rate } from './rate.ts';
import type { RequestCounts } from './rate-limit.ts';

/**
 * Counts the requests of a limit that is always there, and so needs no package. With more than `keysMax` keys, those that were
 * counted first are forgotten.
 */
export function countRequests(
  { seconds }: Rate,
  keysMax: number,
  clock: Pick<Clock, 'nowMs'>,
): RequestCounts {
  const windows = new OldestOut<{ requests: number; endsMs: number }>(keysMax);
  const add = (key: string, requests: number) => {
    const nowMs = clock.nowMs();
    let window = windows.get(key);
    if (window === undefined || window.endsMs <= nowMs) {
      window = { requests: 0, endsMs: nowMs + seconds * 1000 };
      windows.set(key, window);
    }
    window.requests += requests;
    return { requests: window.requests, endsInMs: window.endsMs - nowMs };
  };
  return {
    add: async (key, requests) => add(key, requests),
    addEach: async (requests) => [...requests].map(([key, count]) => add(key, count)),
  };
}
