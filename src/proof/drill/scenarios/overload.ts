// SPDX-License-Identifier: GPL-3.0-or-later
import { patientClients } from '../follow-ups.ts';
import { claimAsk, retryChance, type Scenario, type ScenarioParts, userName } from '../scenario.ts';

const attemptsMax = 4;
const probeShare = 0.1;
const overloads = [2, 5, 10];
const overloadShare = 0.2;
const quietShare = 0.3;
const quietLoad = 0.5;

/** The phase after the overload, in which a service has to find back. */
export const quietPhase = 'quiet';

/**
 * Finds out how much the service decides at most, then lets two, five and ten times as many arrive, who come again when
 * they are turned away, and at last half as many.
 */
export function overload({ settings, random }: ScenarioParts): Scenario {
  const { coupon, seed, users, units, urls, seconds, isRateMeasured, fromRate } = settings;
  let came = 0;
  return {
    coupons: [{ name: coupon, units }],
    phases: (saturation) => {
      const peak = isRateMeasured ? saturation : fromRate;
      const phase = (name: string, rate: number, share: number) => ({
        ...{ name, seconds: seconds * share, fromRate: rate, toRate: rate },
      });
      return [
        ...overloads.map((times) => phase(`${times} times`, peak * times, overloadShare)),
        phase(quietPhase, peak * quietLoad, quietShare),
      ];
    },
    draw: () => {
      if (came === users) return undefined;
      came += 1;
      const ask = claimAsk(coupon, userName(came, seed), `k-${came}`);
      return [{ node: random.below(urls.length), ask }];
    },
    followUp: patientClients({ attemptsMax, nodes: urls.length, random: retryChance(seed) }),
    isTimeBound: true,
    probeSeconds: isRateMeasured ? seconds * probeShare : 0,
  };
}
