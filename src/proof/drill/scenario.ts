// SPDX-License-Identifier: GPL-3.0-or-later
import type { Phase } from './arrival-times.ts';
import type { Completion } from './completion.ts';
import type { DrillSettings } from './options.ts';
import { Random } from './random.ts';
import type { RoutedRequest, ServiceRequest } from './request.ts';

/** A coupon that a drill creates before the load. Window ends count in seconds from the start of the load. */
export type PlannedCoupon = {
  name: string;
  units: number;
  opensAfterS?: number;
  closesAfterS?: number;
};

/** One more try that follows from an answer. */
export type PlannedRetry = RoutedRequest & { delayMs: number };

/** What follows from what was told. */
export type RetryPolicy = (routed: RoutedRequest, completion: Completion) => PlannedRetry[];

/** What a drill plays. */
export type Scenario = {
  coupons: PlannedCoupon[];
  /** Of `overload` they follow from the measured saturation, a number of decisions a second. */
  phases(saturation: number): Phase[];
  /** What the next one to arrive asks, all at once; undefined when nobody is left. */
  draw(): RoutedRequest[] | undefined;
  retryPolicy: RetryPolicy;
  /** Whether an arrival is left out that the generator is a second late for, so that phases end in time. */
  isTimeBound: boolean;
  /** How long saturation is measured before; 0 for not at all. */
  probeSeconds: number;
};

/** What a scenario is made from. The random numbers that its plan draws are its own. */
export type ScenarioInput = { settings: DrillSettings; random: Random };

const retryStream = 2;

/** Chance for what follows from answers. It is apart from the plan's, so that no answer changes who arrives when. */
export function retryRandom(seed: number): Random {
  return new Random(seed, retryStream);
}

/** Users whose names come in no order, as real ones do; no two numbers have the same name. */
export function userName(number: number, seed: number): string {
  // The last step of MurmurHash3, by Austin Appleby, in the public domain: a bijection of 32 bits.
  let mixed = (number ^ seed) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return `u-${((mixed ^ (mixed >>> 16)) >>> 0).toString(16).padStart(8, '0')}`;
}

/** A first claim of a user. */
export function claimRequest(coupon: string, user: string, key?: string): ServiceRequest {
  return { f: 'claim', coupon, user, attempt: 1, ...(key !== undefined && { key }) };
}
