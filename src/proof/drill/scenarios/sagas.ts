// SPDX-License-Identifier: GPL-3.0-or-later
import type { Completion } from '../completion.ts';
import { loadPhases } from '../options.ts';
import { Random, streamOf } from '../random.ts';
import type { RoutedRequest, ServiceRequest } from '../request.ts';
import { policyOf, retryUndecided } from '../retry-policies.ts';
import {
  claimRequest,
  drawOneClaimEach,
  type PlannedRetry,
  type Scenario,
  type ScenarioInput,
} from '../scenario.ts';

const attemptsMax = 5;
/** From the claim on, its saga may run so long. */
const sagaSeconds = 30;
const visitsMax = 3;
const stepMsMax = 2_000;

// The shares of users whose saga runs: some ask too early, some look, operators release some.
const earlyShare = 0.15;
const lookShare = 0.4;
const stopShare = 0.08;
// The shares of claims whose saga is done, as far as users know: most redeem, operators release some.
const redeemShare = 0.5;
const undoShare = 0.12;
// The shares of users who come back: after a release, and after a sale that was sold out.
const backShare = 0.5;
const backWhenSoldOutShare = 0.3;
// The share of claims that are repeated long after their answer.
const lateShare = 0.2;
const redeemAttemptsMax = 4;

/**
 * Many users claim a coupon whose claims begin a saga. Some try to confirm, release or redeem while it runs, some look their
 * claims up and redeem them when it is done. Operators release claims whose sagas run or are done, and users come back.
 */
export function sagas(input: ScenarioInput): Scenario {
  const { coupon, seed, units, urls, sagas: settings } = input.settings;
  const nodes = urls.length;
  const saga = settings?.saga ?? '';
  return {
    coupons: [{ name: coupon, units, holdSeconds: sagaSeconds, saga }],
    phases: () => loadPhases(input.settings),
    draw: drawOneClaimEach(input),
    listsClaims: true,
    retryPolicy: policyOf(retryUndecided({ attemptsMax, nodes, seed }), nextSteps({ seed, nodes })),
  };
}

/** What users and operators do after an answer. Their draws depend on the seed, the answer and the visits of the user. */
function nextSteps({ seed, nodes }: { seed: number; nodes: number }) {
  const visits = new Map<string, number>();
  const plannedFor = new Set<string>();
  const isFirst = (step: string) => {
    if (plannedFor.has(step)) return false;
    plannedFor.add(step);
    return true;
  };

  return ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    const { f, user = '', coupon, key, attempt } = request;
    const { outcome, claimId = request.claimId ?? '' } = completion;
    const random = new Random(seed, streamOf(`${f} ${outcome} ${user} ${visits.get(user)} ${key}`));
    const send = (next: Partial<ServiceRequest>, fromMs = 0, withinMs = stepMsMax) => ({
      node: random.below(nodes),
      request: { f: 'claim', coupon, user, attempt: 1, ...next } satisfies ServiceRequest,
      delayMs: fromMs + random.fraction() * withinMs,
    });
    const comeBack = (share: number): PlannedRetry[] => {
      const visit = (visits.get(user) ?? 1) + 1;
      if (visit > visitsMax || !random.chance(share)) return [];
      visits.set(user, visit);
      return [send(claimRequest(coupon, user, `${user}-${visit}`), stepMsMax / 2)];
    };
    const sometimes = (share: number, retry: () => PlannedRetry) => {
      return random.chance(share) ? [retry()] : [];
    };
    const redeem = { f: 'redeem', claimId, key: `${user}-till` } as const;

    if (f === 'claim' && completion.state === 'reserved' && isFirst(`claim ${claimId}`)) {
      const early = random.chance(0.5) ? 'confirm' : 'release';
      return [
        ...sometimes(earlyShare, () => send({ f: early, claimId }, 0, 200)),
        ...sometimes(lookShare, () => send({ f: 'find_claim' })),
        ...sometimes(stopShare, () => send({ f: 'release', claimId, asOperator: true }, 0, 300)),
        ...sometimes(redeemShare, () => send(redeem, 200)),
        ...sometimes(undoShare, () => send({ f: 'release', claimId, asOperator: true }, stepMsMax)),
        ...sometimes(lateShare, () => send(request, stepMsMax)),
      ];
    }
    if (f === 'redeem' && outcome === 'saga_running' && attempt < redeemAttemptsMax) {
      return [send({ ...redeem, attempt: attempt + 1 }, 500, 500)];
    }
    if (f === 'claim' && outcome === 'sold_out') return comeBack(backWhenSoldOutShare);
    if (f === 'release' && outcome === 'undo_requested' && isFirst(`undo ${claimId}`)) {
      return [...comeBack(backShare), send({ f: 'find_claim' })];
    }
    return [];
  };
}
