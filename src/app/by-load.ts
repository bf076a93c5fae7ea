// SPDX-License-Identifier: GPL-3.0-or-later
import { performance } from 'node:perf_hooks';
import { systemClock } from '../adapters/system/clock.ts';

// From here on the requests of clients need the event loop.
const busyUtilization = 0.8;
const loadMs = 100;

/** One number while the event loop is busy with the requests of clients, and another one otherwise. */
export function byLoad(otherwise: number, whileBusy: number): () => number {
  let last = { at: performance.eventLoopUtilization(), ms: systemClock.nowMs() };
  let number = otherwise;
  return () => {
    // Over less time a job measures its own work.
    if (systemClock.nowMs() - last.ms < loadMs) return number;
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last.at);
    last = { at: now, ms: systemClock.nowMs() };
    number = utilization > busyUtilization ? whileBusy : otherwise;
    return number;
  };
}
