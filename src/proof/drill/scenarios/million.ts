// SPDX-License-Identifier: GPL-3.0-or-later
import type { RoutedRequest } from '../request.ts';
import { retryUndecided } from '../retry-policies.ts';
import { claimRequest, type Scenario, type ScenarioInput, userName } from '../scenario.ts';

const attemptsMax = 10;
// The shares of users who send their claim twice under one key: at once, or after some other users.
const twiceAtOnceShare = 0.025;
const twiceLaterShare = 0.025;
const usersBetween = 500;

/**
 * A million users claim one coupon, as fast as the service answers. Five in a hundred send their claim twice under one
 * key, half of these while the first request is under way.
 */
export function million({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  let arrived = 0;
  let urgent: number | undefined;
  const later: { user: number; after: number }[] = [];
  // The first element of `later` that is still to be sent. Removing elements from the start would copy the array.
  let sentLater = 0;

  const nextUser = (): number | undefined => {
    if (urgent !== undefined) {
      const user = urgent;
      urgent = undefined;
      return user;
    }
    const due = later[sentLater];
    if (due !== undefined && (arrived === users || due.after <= arrived)) {
      sentLater += 1;
      return due.user;
    }
    if (arrived === users) return undefined;
    arrived += 1;
    const drawn = random.fraction();
    if (drawn < twiceAtOnceShare) urgent = arrived;
    else if (drawn < twiceAtOnceShare + twiceLaterShare) {
      later.push({ user: arrived, after: arrived + usersBetween });
    }
    return arrived;
  };

  return {
    coupons: [{ name: coupon, units }],
    phases: () => [],
    draw: (): RoutedRequest[] | undefined => {
      const user = nextUser();
      if (user === undefined) return undefined;
      const request = claimRequest(coupon, userName(user, seed), `k-${user}`);
      return [{ node: random.below(urls.length), request }];
    },
    retryPolicy: retryUndecided({ attemptsMax, nodes: urls.length, seed }),
    isClosedLoop: true,
  };
}
