// SPDX-License-Identifier: GPL-3.0-or-later
import { retryUndecided } from '../retry-policies.ts';
import {
  claimRequest,
  retryRandom,
  type Scenario,
  type ScenarioInput,
  userName,
} from '../scenario.ts';

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
export function overload({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls, seconds, isRateMeasured, fromRate, times } = settings;
  let arrived = 0;
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
          rateIncludesRetries: true,
        })),
        phase(quietPhase, peak * quietLoad, quietShare),
      ];
    },
    draw: () => {
      if (arrived === users) return undefined;
      arrived += 1;
      const request = claimRequest(coupon, userName(arrived, seed), `k-${arrived}`);
      return [{ node: random.below(urls.length), request }];
    },
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, random: retryRandom(seed) }),
    isTimeBound: true,
    probeSeconds: isRateMeasured ? seconds * probeShare : 0,
  };
}
