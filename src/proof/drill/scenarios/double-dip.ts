// SPDX-License-Identifier: GPL-3.0-or-later
import type { PlacedAsk } from '../ask.ts';
import { patientClients } from '../follow-ups.ts';
import { loadPhases } from '../options.ts';
import { claimAsk, retryChance, type Scenario, type ScenarioParts, userName } from '../scenario.ts';

const attemptsMax = 3;
const handsMax = 8;
// Of the claims that a user sends at once; the rest have no key.
const sameKeyShare = 0.4;
const ownKeyShare = 0.3;

/** Few users who each send many claims at once: some under one key, some under keys of their own, some without. */
export function doubleDip({ settings, random }: ScenarioParts): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let arrivals = 0;
  const drawHands = (): PlacedAsk[] => {
    arrivals += 1;
    const user = 1 + random.below(users);
    const hands = 2 + random.below(handsMax - 1);
    const first = random.below(urls.length);
    return Array.from({ length: hands }, (_, hand) => {
      const drawn = random.fraction();
      const key =
        drawn < sameKeyShare
          ? `k-${user}`
          : drawn < sameKeyShare + ownKeyShare
            ? `k-${user}-${arrivals}-${hand}`
            : undefined;
      const ask = claimAsk(coupon, userName(user, seed), key);
      return { node: (first + hand) % urls.length, ask };
    });
  };
  // The rate counts claims; one user brings five on average.
  const handsMean = (2 + handsMax) / 2;
  return {
    coupons: [{ name: coupon, units }],
    phases: () =>
      loadPhases(settings).map((phase) => ({
        ...phase,
        fromRate: phase.fromRate / handsMean,
        toRate: phase.toRate / handsMean,
      })),
    draw: drawHands,
    followUp: patientClients({
      ...{ attemptsMax, nodes: urls.length, random: retryChance(settings.seed) },
    }),
    isTimeBound: false,
    probeSeconds: 0,
  };
}
