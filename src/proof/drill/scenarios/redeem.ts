// SPDX-License-Identifier: GPL-3.0-or-later
import type { Completion } from '../completion.ts';
import { loadPhases } from '../options.ts';
import { Random, streamOf } from '../random.ts';
import type { RoutedRequest, ServiceRequest } from '../request.ts';
import { policyOf, retryUndecided } from '../retry-policies.ts';
import {
  claimRequest,
  type PlannedRetry,
  type Scenario,
  type ScenarioInput,
  userName,
} from '../scenario.ts';

const attemptsMax = 5;
// Longer than the drill lets a user wait.
const holdSeconds = 60;
const stepMsMax = 400;

// The share of users who redeem before they have paid.
const earlyShare = 0.15;
// The share of redemptions that two tills try at the same moment, each under its own key.
const twoTillsShare = 0.3;
// The share of redemptions that are repeated later, under the same key, and under another one.
const repeatShare = 0.2;
const otherTillShare = 0.2;
// The share of redeemed claims that their user tries to release.
const releaseShare = 0.1;

/**
 * Users redeem what they hold, of a coupon whose claims begin as holds and of one without holds. Some redeem before they
 * have paid, some at two tills at once, and some again later: each claim is redeemed at most once.
 */
export function redeem({ settings, random }: ScenarioInput): Scenario {
  const { coupon, seed, users, units, urls } = settings;
  const nodes = urls.length;
  const held = `${coupon}-held`;
  const plain = `${coupon}-plain`;
  let arrived = 0;
  return {
    coupons: [
      { name: held, units, holdSeconds },
      { name: plain, units },
    ],
    phases: () => loadPhases(settings),
    draw: () => {
      if (arrived === users) return undefined;
      arrived += 1;
      const name = random.chance(0.5) ? held : plain;
      const request = claimRequest(name, userName(arrived, seed), `k-${arrived}`);
      return [{ node: random.below(nodes), request }];
    },
    listsClaims: true,
    retryPolicy: policyOf(
      retryUndecided({ attemptsMax, nodes, seed }),
      nextSteps({ seed, nodes, held }),
    ),
  };
}

/** What holders do after an answer. Their draws depend on the seed and on their request, not on the order of answers. */
function nextSteps({ seed, nodes, held }: { seed: number; nodes: number; held: string }) {
  const plannedFor = new Set<string>();
  const isFirst = (step: string) => {
    if (plannedFor.has(step)) return false;
    plannedFor.add(step);
    return true;
  };

  return ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    const { f, user = '', coupon } = request;
    const { outcome, claimId = '', state } = completion;
    const random = new Random(seed, streamOf(`${f} ${outcome} ${user} ${request.key}`));
    const send = (next: ServiceRequest, delayMs = random.fraction() * stepMsMax): PlannedRetry => {
      return { node: random.below(nodes), request: { ...next, attempt: 1 }, delayMs };
    };
    const redeemAt = (till: string): ServiceRequest => {
      return { f: 'redeem', coupon, user, claimId, key: `${user}-${till}`, attempt: 1 };
    };
    const goToTills = (): PlannedRetry[] => {
      const first = send(redeemAt('till'));
      if (!random.chance(twoTillsShare)) return [first];
      return [first, send(redeemAt('second-till'), first.delayMs)];
    };

    if (f === 'claim' && state === 'reserved' && isFirst(`hold ${claimId}`)) {
      const early = random.chance(earlyShare) ? [send(redeemAt('early-till'), 0)] : [];
      return [...early, send({ f: 'confirm', coupon, user, claimId, attempt: 1 })];
    }
    const isPaid = f === 'confirm' ? state === 'confirmed' : f === 'claim' && coupon !== held;
    if (isPaid && state === 'confirmed' && isFirst(`paid ${claimId}`)) return goToTills();
    if (f !== 'redeem' || outcome !== 'redeemed' || !isFirst(`redeemed ${claimId}`)) return [];
    return [
      ...(random.chance(repeatShare) ? [send(request)] : []),
      ...(random.chance(otherTillShare) ? [send(redeemAt('last-till'))] : []),
      ...(coupon === held && random.chance(releaseShare)
        ? [send({ f: 'release', coupon, user, claimId, attempt: 1 })]
        : []),
    ];
  };
}
