// SPDX-License-Identifier: GPL-3.0-or-later
import { patientClients } from '../follow-ups.ts';
import { claimAsk, retryChance, type Scenario, type ScenarioParts, userName } from '../scenario.ts';

const attemptsMax = 4;
const probeShare = 0.1;
const overloadsShare = 0.6;
const quietShare = 0.3;
const quietLoad = 0.5;

/** The phase after the overload, in which a service has to find back. */
export const quietPhase = 'quiet';

/**
 * Finds out how much the service decides at most, then asks two, five and ten times as much, and at last half as much.
 *
 * Who is turned away comes again, three times at most. In the overload the load that is named is that of all who ask:
 * who comes again takes the place of a new user, for else ten times would be up to forty, and nobody could tell what
 * the load was. It does not depend on what the service answers. When the overload is over, all who still wait come on top
 * of the quiet load, as in life: a service is back when it decides what it can, though a crowd that is turned away a
 * second time goes on for a while.
 */
export function overload({ settings, random }: ScenarioParts): Scenario {
  const { coupon, seed, users, units, urls, seconds, isRateMeasured, fromRate, times } = settings;
  let came = 0;
  return {
    coupons: [{ name: coupon, units }],
    phases: (saturation) => {
      const peak = isRateMeasured ? saturation : fromRate;
      const phase = (name: string, rate: number, share: number) => ({
        ...{ name, seconds: seconds * share, fromRate: rate, toRate: rate },
      });
      const share = overloadsShare / times.length;
      return [
        ...times.map((factor) => ({
          ...phase(`${factor} times`, peak * factor, share),
          isRateOfAll: true,
        })),
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
