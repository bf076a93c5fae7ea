// SPDX-License-Identifier: GPL-3.0-or-later
import { stormyClients } from '../follow-ups.ts';
import { loadPhases } from '../options.ts';
import { claimAsk, type Scenario, type ScenarioParts, userName } from '../scenario.ts';

const attemptsMax = 10;

/** Each user claims under one key and asks again under it ten times, answered or not: reordered, doubled, anywhere. */
export function retryStorm({ settings, random }: ScenarioParts): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let came = 0;
  return {
    coupons: [{ name: coupon, units }],
    phases: () => loadPhases(settings),
    draw: () => {
      if (came === users) return undefined;
      came += 1;
      const ask = claimAsk(coupon, userName(came, seed), `k-${came}`);
      return [{ node: random.below(urls.length), ask }];
    },
    followUp: stormyClients({ attemptsMax, nodes: urls.length, seed }),
    isTimeBound: false,
    probeSeconds: 0,
  };
}
