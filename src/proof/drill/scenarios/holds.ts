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
const holdSeconds = 2;
const holdMs = holdSeconds * 1000;
const visitsMax = 4;

// The shares of users who hold a unit; the others abandon it.
const payShare = 0.5;
const payLateShare = 0.1;
const failShare = 0.2;
// The shares of users who come back with a new claim: after their own ended, and after a sale that was sold out.
const backShare = 0.75;
const backWhenSoldOutShare = 0.4;
// The share of requests that are sent twice, to two nodes.
const twiceShare = 0.15;
// The share of changes that name no claim.
const namelessShare = 0.1;
// The share of claims and releases that are repeated long after their answer.
const lateShare = 0.3;

/**
 * Many users, few units, and each claim is a hold: some pay in time (confirm), some too late, some fail to pay
 * (release), some leave; and some of these come back. Requests are sent twice, and repeated when the claim has long ended.
 */
export function holds(input: ScenarioInput): Scenario {
  const { coupon, seed, units, urls } = input.settings;
  const nodes = urls.length;
  return {
    coupons: [{ name: coupon, units, holdSeconds }],
    phases: () => loadPhases(input.settings),
    draw: drawOneClaimEach(input),
    listsClaims: true,
    retryPolicy: policyOf(retryUndecided({ attemptsMax, nodes, seed }), nextSteps({ seed, nodes })),
  };
}

/** What users do after an answer. Their draws depend on the seed, the answer and how often the user came. */
function nextSteps({ seed, nodes }: { seed: number; nodes: number }) {
  const visits = new Map<string, number>();
  const plannedFor = new Set<string>();

  return ({ request }: RoutedRequest, completion: Completion): PlannedRetry[] => {
    const { f, user = '', coupon } = request;
    const { outcome, claimId = '' } = completion;
    const random = new Random(seed, streamOf(`${f} ${outcome} ${user} ${visits.get(user)}`));
    const send = (next: ServiceRequest, delayMs: number): PlannedRetry => {
      return { node: random.below(nodes), request: { ...next, attempt: 1 }, delayMs };
    };
    const comeBack = (share: number, withinMs: number): PlannedRetry[] => {
      const visit = (visits.get(user) ?? 1) + 1;
      if (visit > visitsMax || !random.chance(share)) return [];
      visits.set(user, visit);
      return [send(claimRequest(coupon, user, `${user}-${visit}`), random.fraction() * withinMs)];
    };
    const change = (to: 'confirm' | 'release', fromMs: number, withinMs: number) => {
      const named = random.chance(namelessShare) ? {} : { claimId };
      const next: ServiceRequest = { f: to, coupon, user, attempt: 1, ...named };
      const delayMs = fromMs + random.fraction() * withinMs;
      const copies = random.chance(twiceShare) ? 2 : 1;
      return Array.from({ length: copies }, () => send(next, delayMs));
    };
    /** The user pays, fails to pay or leaves, and may repeat the claim when the hold has ended. */
    const useHold = (): PlannedRetry[] => {
      const late = random.chance(lateShare)
        ? [send(request, holdMs * (1 + random.fraction()))]
        : [];
      const drawn = random.fraction();
      if (drawn < payShare) return [...late, ...change('confirm', 0, holdMs / 2)];
      if (drawn < payShare + payLateShare)
        return [...late, ...change('confirm', holdMs, holdMs / 4)];
      if (drawn < payShare + payLateShare + failShare) {
        return [...late, ...change('release', 0, holdMs / 2)];
      }
      return [...late, ...comeBack(backShare, 2 * holdMs)];
    };

    if (f === 'claim' && completion.state === 'reserved' && !plannedFor.has(claimId)) {
      plannedFor.add(claimId);
      return useHold();
    }
    if (f === 'claim' && outcome === 'sold_out') return comeBack(backWhenSoldOutShare, holdMs);
    if (f === 'release' && outcome === 'released' && !plannedFor.has(`end of ${claimId}`)) {
      plannedFor.add(`end of ${claimId}`);
      const late = random.chance(lateShare) ? [send(request, holdMs / 2)] : [];
      return [...comeBack(backShare, holdMs / 4), ...late];
    }
    if (f === 'confirm' && outcome === 'hold_expired') return comeBack(backShare, holdMs / 4);
    return [];
  };
}
