// SPDX-License-Identifier: GPL-3.0-or-later

import { loadPhases } from '../options.ts';
import { retryEveryAnswer } from '../retry-policies.ts';
import { drawOneClaimEach, type Scenario, type ScenarioInput } from '../scenario.ts';

const attemptsMax = 10;

/** Each user sends one claim ten times under one key, whatever the answers: reordered, in parallel, to any node. */
export function retryStorm(input: ScenarioInput): Scenario {
  const { coupon, seed, units, urls } = input.settings;
  return {
    coupons: [{ name: coupon, units }],
    phases: () => loadPhases(input.settings),
    draw: drawOneClaimEach(input),
    retryPolicy: retryEveryAnswer({ attemptsMax, nodes: urls.length, seed }),
  };
}
