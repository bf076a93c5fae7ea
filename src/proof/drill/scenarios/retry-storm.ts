// SPDX-License-Identifier: GPL-3.0-or-later

import { loadPhases } from '../options.ts';
import { retryEveryAnswer } from '../retry-policies.ts';
import { claimRequest, type Scenario, type ScenarioInput, userName } from '../scenario.ts';

const attemptsMax = 10;

/** Each user sends one claim ten times under one key, whatever the answers: reordered, in parallel, to any node. */
export function retryStorm({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let arrived = 0;
  return {
    coupons: [{ name: coupon, units }],
    phases: () => loadPhases(settings),
    draw: () => {
      if (arrived === users) return undefined;
      arrived += 1;
      const request = claimRequest(coupon, userName(arrived, seed), `k-${arrived}`);
      return [{ node: random.below(urls.length), request }];
    },
    retryPolicy: retryEveryAnswer({ attemptsMax, nodes: urls.length, seed }),
  };
}
