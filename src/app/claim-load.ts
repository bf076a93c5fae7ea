// SPDX-License-Identifier: GPL-3.0-or-later
import { performance } from 'node:perf_hooks';
import type { ClaimMetrics } from '../core/claims/ports.ts';
import type { Clock } from '../core/clock.ts';

const sampleMs = 100;
// With fewer claims a second, other work may take the event loop as it is.
const claimsPerSecondMin = 500;
const utilizationMin = 0.6;
// Longer than a rush. A sale that gives out units steadily must not keep events and sagas from their deadlines.
const highMsMax = 30_000;
// How long claims must leave the process alone before it may count as loaded for as long again.
const restMs = 10_000;

/** How much the claims of clients ask of this process. */
export type ClaimLoad = {
  /** Counts the claims whose answers these metrics count. */
  counting<Metrics extends Pick<ClaimMetrics, 'answered'>>(metrics: Metrics): Metrics;
  /**
   * Whether claims get units at such a rate that events and sagas are to wait, as of the last tenth of a second. Refusals do not
   * count: they are cheap, and what was claimed before them is to go on. Not for longer than 30 s, until the load has been low for
   * 10 s.
   */
  isHigh(): boolean;
  stop(): void;
};

/** Measures the load by claims, until it is stopped. */
export function measureClaimLoad({
  clock,
  takeUtilization = eventLoopUtilization(),
}: {
  clock: Pick<Clock, 'nowMs' | 'every'>;
  /** Which part of the time since its last call the event loop was busy. */
  takeUtilization?: () => number;
}): ClaimLoad {
  let claims = 0;
  let isHigh = false;
  let sampledMs = clock.nowMs();
  let highSinceMs: number | undefined;
  let highAtMs = sampledMs;
  const stop = clock.every(sampleMs, () => {
    const nowMs = clock.nowMs();
    const claimsPerSecond = (claims * 1_000) / (nowMs - sampledMs);
    const isLoaded = takeUtilization() >= utilizationMin && claimsPerSecond >= claimsPerSecondMin;
    if (isLoaded) highAtMs = nowMs;
    if (nowMs - highAtMs >= restMs) highSinceMs = undefined;
    if (isLoaded) highSinceMs ??= nowMs;
    isHigh = isLoaded && nowMs - (highSinceMs ?? nowMs) < highMsMax;
    sampledMs = nowMs;
    claims = 0;
  });
  return {
    counting: (metrics) => ({
      ...metrics,
      answered(outcome, seconds, couponName, isOfTicket) {
        if (outcome === 'claimed') claims += 1;
        metrics.answered(outcome, seconds, couponName, isOfTicket);
      },
    }),
    isHigh: () => isHigh,
    stop,
  };
}

function eventLoopUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
