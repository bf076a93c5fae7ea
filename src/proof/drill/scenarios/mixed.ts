// SPDX-License-Identifier: GPL-3.0-or-later

import { loadPhases } from '../options.ts';
import type { ServiceRequest } from '../request.ts';
import { retryUndecided } from '../retry-policies.ts';
import { claimRequest, type Scenario, type ScenarioInput, userName } from '../scenario.ts';

const attemptsMax = 4;
// After this many arrivals, the next one adds stock instead.
const arrivalsBetweenStock = 200;
const unitsAddedMax = 20;

// Percentages of the arrivals.
const readers = 8;
const finders = 8;
const doubles = 5;

/**
 * The traffic of a day: a hot coupon and a small one, one whose sale opens and closes during the run, one whose stock
 * grows (each time by two requests under one key), reads, look-ups of claims, and users who claim twice at once.
 */
export function mixed({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls, seconds } = settings;
  const small = Math.ceil(units / 50);
  const coupons = [
    { name: `${coupon}-hot`, units, weight: 60 },
    { name: `${coupon}-small`, units: small, weight: 15 },
    {
      ...{ name: `${coupon}-windowed`, units, weight: 15 },
      ...{ opensAfterS: seconds / 3, closesAfterS: (2 * seconds) / 3 },
    },
    { name: `${coupon}-growing`, units: small, weight: 10 },
  ];
  const growing = `${coupon}-growing`;
  let arrivals = 0;

  const drawCoupon = (): string => {
    let left = random.below(100);
    const found = coupons.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return found?.name ?? growing;
  };
  const drawRequests = (): ServiceRequest[] => {
    arrivals += 1;
    if (arrivals % arrivalsBetweenStock === 0) {
      const added = 1 + random.below(unitsAddedMax);
      const key = `stock-${arrivals}`;
      const request: ServiceRequest = {
        f: 'add_stock',
        coupon: growing,
        units: added,
        key,
        attempt: 1,
      };
      return [request, { ...request, attempt: 2 }];
    }
    const name = drawCoupon();
    const number = 1 + random.below(users);
    const user = userName(number, seed);
    const drawn = random.below(100);
    if (drawn < readers) return [{ f: 'read', coupon: name, attempt: 1 }];
    if (drawn < readers + finders) return [{ f: 'find_claim', coupon: name, user, attempt: 1 }];
    // A user who is drawn again claims under the same key for this coupon.
    const request = claimRequest(name, user, `k-${number}`);
    return drawn < readers + finders + doubles ? [request, claimRequest(name, user)] : [request];
  };
  return {
    coupons: coupons.map(({ weight: _, ...planned }) => planned),
    phases: () => loadPhases(settings),
    draw: () => drawRequests().map((request) => ({ node: random.below(urls.length), request })),
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, seed }),
  };
}
