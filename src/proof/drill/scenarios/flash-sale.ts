// SPDX-License-Identifier: GPL-3.0-or-later

import { loadPhases } from '../options.ts';
import { retryUndecided } from '../retry-policies.ts';
import { claimRequest, type Scenario, type ScenarioInput, userName } from '../scenario.ts';

const attemptsMax = 5;
// The shares of arrivals by a user who claimed before: with the same key, as a retry, or with another one.
const sameKeyShare = 0.02;
const otherKeyShare = 0.01;

/** Many users, few units: each user claims once, and a few of them claim again. */
export function flashSale({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let arrived = 0;
  let again = 0;
  const drawClaim = () => {
    const drawn = random.fraction();
    if (arrived === 0 || drawn >= sameKeyShare + otherKeyShare) {
      if (arrived === users) return undefined;
      arrived += 1;
      return claimRequest(coupon, userName(arrived, seed), `k-${arrived}`);
    }
    const user = 1 + random.below(arrived);
    if (drawn < sameKeyShare) return claimRequest(coupon, userName(user, seed), `k-${user}`);
    again += 1;
    return claimRequest(coupon, userName(user, seed), `again-${again}`);
  };
  return {
    coupons: [{ name: coupon, units }],
    phases: () => loadPhases(settings),
    draw: () => {
      const node = random.below(urls.length);
      const request = drawClaim();
      return request && [{ node, request }];
    },
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, seed }),
  };
}
