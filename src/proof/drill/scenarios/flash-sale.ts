// SPDX-License-Identifier: GPL-3.0-or-later
import { patientClients } from '../follow-ups.ts';
import { loadPhases } from '../options.ts';
import { claimAsk, retryChance, type Scenario, type ScenarioParts, userName } from '../scenario.ts';

const attemptsMax = 5;
// How many of those who arrive have come before: with their key, as a client that was not sure, or with another.
const sameKeyShare = 0.02;
const otherKeyShare = 0.01;

/** Many users, few units: each user claims once, and a few of them ask again. */
export function flashSale({ settings, random }: ScenarioParts): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let came = 0;
  let again = 0;
  const drawClaim = () => {
    const drawn = random.fraction();
    if (came === 0 || drawn >= sameKeyShare + otherKeyShare) {
      if (came === users) return undefined;
      came += 1;
      return claimAsk(coupon, userName(came, seed), `k-${came}`);
    }
    const user = 1 + random.below(came);
    if (drawn < sameKeyShare) return claimAsk(coupon, userName(user, seed), `k-${user}`);
    again += 1;
    return claimAsk(coupon, userName(user, seed), `again-${again}`);
  };
  return {
    coupons: [{ name: coupon, units }],
    phases: () => loadPhases(settings),
    draw: () => {
      const node = random.below(urls.length);
      const ask = drawClaim();
      return ask && [{ node, ask }];
    },
    followUp: patientClients({ attemptsMax, nodes: urls.length, random: retryChance(seed) }),
    isTimeBound: false,
    probeSeconds: 0,
  };
}
