// SPDX-License-Identifier: GPL-3.0-or-later
import { retryUndecided } from '../retry-policies.ts';
import { drawOneClaimEach, type Scenario, type ScenarioInput } from '../scenario.ts';

const attemptsMax = 4;
const probeShare = 0.1;
const overloadsShare = 0.6;
const quietShare = 0.3;
const quietLoad = 0.5;

/** The phase after the overload, in which the service recovers. */
export const quietPhase = 'quiet';

/**
 * Measures how much the service decides at most, then sends two, five and ten times as much, and finally half as much.
 *
 * Users who are turned away retry, at most three times. During the overload the named load includes retries: a retry
 * takes the place of a new user. Otherwise ten times could become forty, and the load would depend on the answers of
 * the service. After the overload the remaining retries come on top of the quiet load, as in reality. The service has
 * recovered when it decides as much as it can, even while it still sheds some of those retries.
 */
export function overload(input: ScenarioInput): Scenario {
  const { coupon, seed, units, urls, seconds, isRateMeasured, fromRate, times } = input.settings;
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
    draw: drawOneClaimEach(input),
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, seed }),
    isTimeBound: true,
    ...(isRateMeasured && { probeSeconds: seconds * probeShare }),
  };
}
