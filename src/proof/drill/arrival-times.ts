// SPDX-License-Identifier: GPL-3.0-or-later
import type { Random } from './random.ts';

/** A part of the load whose rate changes linearly from one end to the other. Rates are arrivals a second. */
export type Phase = {
  name: string;
  seconds: number;
  fromRate: number;
  toRate: number;
  /**
   * Whether retries count towards the rate: a retry that is due replaces an arrival. Otherwise retries come on top of
   * the rate.
   */
  rateIncludesRetries?: boolean;
};

/** `poisson`: arrivals of many independent users. `even`: equal gaps. */
export type Spacing = 'poisson' | 'even';

/** A planned time, in milliseconds since the start of the load, and the index of its phase. */
export type ArrivalTime = { atMs: number; phase: number };

/**
 * The times at which users arrive. They do not depend on the service: an open loop. Where the rate of a phase changes,
 * the gaps follow it, since each time is found from the expected number of arrivals so far.
 */
export function* arrivalTimes(
  phases: readonly Phase[],
  spacing: Spacing,
  random: Random,
): Generator<ArrivalTime, void> {
  const gap = () => (spacing === 'even' ? 1 : random.exponential());
  let startMs = 0;
  // The expected number of arrivals at the next one, counted from the start of the phase.
  let due = spacing === 'even' ? 0.5 : gap();
  for (const [index, phase] of phases.entries()) {
    const inPhase = arrivalsIn(phase);
    for (; due < inPhase; due += gap()) {
      yield { atMs: startMs + secondsUntil(phase, due) * 1000, phase: index };
    }
    due -= inPhase;
    startMs += phase.seconds * 1000;
  }
}

/** The expected number of arrivals in a phase. */
export function arrivalsIn({ seconds, fromRate, toRate }: Phase): number {
  return (seconds * (fromRate + toRate)) / 2;
}

/** The time of the arrival `count`: solves `fromRate t + (toRate - fromRate) t² / (2 seconds) = count`. */
function secondsUntil({ seconds, fromRate, toRate }: Phase, count: number): number {
  if (count === 0) return 0;
  const growth = (toRate - fromRate) / seconds;
  // This form of the solution stays exact where the rate is almost or fully constant.
  return (2 * count) / (fromRate + Math.sqrt(Math.max(0, fromRate ** 2 + 2 * growth * count)));
}
