// SPDX-License-Identifier: GPL-3.0-or-later
import type { Random } from './random.ts';

/** A stretch of the load whose rate grows or falls evenly from one end to the other. Rates are arrivals a second. */
export type Phase = {
  name: string;
  seconds: number;
  fromRate: number;
  toRate: number;
  /**
   * Whether the rate is that of all who ask: who comes again takes the place of an arrival, and that one stays away.
   * Otherwise further tries come on top of the rate.
   */
  rateIncludesRetries?: boolean;
};

/** `poisson`: as many users who know nothing of each other arrive. `even`: like a clock. */
export type Spacing = 'poisson' | 'even';

/** A planned time, in milliseconds since the load began, and the number of its phase. */
export type ArrivalTime = { atMs: number; phase: number };

/**
 * The times at which somebody arrives, whatever the service does: an open loop. In a phase whose rate changes the gaps
 * follow the rate at their place, since times are found by how many should have arrived by then.
 */
export function* arrivalTimes(
  phases: readonly Phase[],
  spacing: Spacing,
  random: Random,
): Generator<ArrivalTime, void> {
  const gap = () => (spacing === 'even' ? 1 : random.exponential());
  let startMs = 0;
  // How many should have come when the next one comes, counted from the start of the phase.
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

/** How many arrivals a phase has on average. */
export function arrivalsIn({ seconds, fromRate, toRate }: Phase): number {
  return (seconds * (fromRate + toRate)) / 2;
}

/** When so many have arrived: the solution of `fromRate t + (toRate - fromRate) t² / (2 seconds) = count`. */
function secondsUntil({ seconds, fromRate, toRate }: Phase, count: number): number {
  if (count === 0) return 0;
  const growth = (toRate - fromRate) / seconds;
  // This form of the solution is exact also where the rate hardly changes, or not at all.
  return (2 * count) / (fromRate + Math.sqrt(Math.max(0, fromRate ** 2 + 2 * growth * count)));
}
