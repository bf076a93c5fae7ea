// SPDX-License-Identifier: GPL-3.0-or-later
import type { Phase } from './arrival-times.ts';
import type { Completion } from './completion.ts';
import type { DrillSettings } from './options.ts';
import type { Random } from './random.ts';
import type { RoutedRequest, ServiceRequest } from './request.ts';

/** A coupon that a drill creates before the load. Window ends are seconds from the start of the load. */
export type PlannedCoupon = {
  name: string;
  units: number;
  opensAfterS?: number;
  closesAfterS?: number;
  /** Its claims begin as holds of so many seconds. */
  holdSeconds?: number;
  /** Its claims begin this saga. */
  saga?: string;
};

/** A request that an answer causes: a retry, or the next step of the user. */
export type PlannedRetry = RoutedRequest & { delayMs: number };

/** Decides which requests follow an answer. */
export type RetryPolicy = (routed: RoutedRequest, completion: Completion) => PlannedRetry[];

/** What a drill plays. */
export type Scenario = {
  coupons: PlannedCoupon[];
  /** In `overload` they depend on the measured saturation, in decisions a second. */
  phases(saturation: number): Phase[];
  /** The requests of the next arrival, sent at once; undefined when every user has arrived. */
  draw(): RoutedRequest[] | undefined;
  retryPolicy: RetryPolicy;
  /** Each connection sends its next request when the last one is complete, instead of at planned times. */
  isClosedLoop?: true;
  /** Whether all claims are listed after the load. */
  listsClaims?: true;
  /** Whether an arrival is skipped if the generator is more than a second late, so that phases end on time. */
  isTimeBound?: true;
  /** How long the saturation is measured first; undefined for not at all. */
  probeSeconds?: number;
};

/** The input of a scenario. `random` serves its plan alone. */
export type ScenarioInput = { settings: DrillSettings; random: Random };

/** The name of a user. Names are in no order, as in reality, and distinct for distinct numbers. */
export function userName(number: number, seed: number): string {
  // The last step of MurmurHash3, by Austin Appleby, in the public domain: a bijection of 32 bits.
  let mixed = (number ^ seed) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return `u-${((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0')}`;
}

/** The first claim of a user. */
export function claimRequest(coupon: string, user: string, key?: string): ServiceRequest {
  return { f: 'claim', coupon, user, attempt: 1, ...(key !== undefined && { key }) };
}

/** Draws one claim of each user, to a random node. */
export function drawOneClaimEach({ settings, random }: ScenarioInput): Scenario['draw'] {
  const { coupon, seed, users, urls } = settings;
  let arrived = 0;
  return () => {
    if (arrived === users) return undefined;
    arrived += 1;
    const request = claimRequest(coupon, userName(arrived, seed), `k-${arrived}`);
    return [{ node: random.below(urls.length), request }];
  };
}
