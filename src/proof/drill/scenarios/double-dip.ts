// SPDX-License-Identifier: GPL-3.0-or-later

import { loadPhases } from '../options.ts';
import type { RoutedRequest } from '../request.ts';
import { retryUndecided } from '../retry-policies.ts';
import { claimRequest, type Scenario, type ScenarioInput, userName } from '../scenario.ts';

const attemptsMax = 3;
const claimsMax = 8;
// Shares of the claims that a user sends at once; the others have no key.
const sameKeyShare = 0.4;
const ownKeyShare = 0.3;

/** Few users who each send many claims at once: some under a shared key, some under separate keys, some without. */
export function doubleDip({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let arrivals = 0;
  const drawClaims = (): RoutedRequest[] => {
    arrivals += 1;
    const user = 1 + random.below(users);
    const claims = 2 + random.below(claimsMax - 1);
    const first = random.below(urls.length);
    return Array.from({ length: claims }, (_, index) => {
      const drawn = random.fraction();
      const key =
        drawn < sameKeyShare
          ? `k-${user}`
          : drawn < sameKeyShare + ownKeyShare
            ? `k-${user}-${arrivals}-${index}`
            : undefined;
      const request = claimRequest(coupon, userName(user, seed), key);
      return { node: (first + index) % urls.length, request };
    });
  };
  // The rate counts claims; an arrival brings five on average.
  const claimsMean = (2 + claimsMax) / 2;
  return {
    coupons: [{ name: coupon, units }],
    phases: () =>
      loadPhases(settings).map((phase) => ({
        ...phase,
        fromRate: phase.fromRate / claimsMean,
        toRate: phase.toRate / claimsMean,
      })),
    draw: drawClaims,
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, seed }),
  };
}
