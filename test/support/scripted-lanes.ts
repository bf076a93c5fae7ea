// SPDX-License-Identifier: GPL-3.0-or-later
import { type ClaimLaneLimits, ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import type { AppError } from '../../src/core/errors.ts';
import { FixedClock, flushPromises } from './fixed-clock.ts';
import { aCommand, numbered, ScriptedClaimStore } from './scripted-claim-store.ts';

/** Lanes whose store, time and ids a test controls. */
export function scriptedLanes(limits: Partial<ClaimLaneLimits> = {}) {
  const clock = new FixedClock();
  const store = new ScriptedClaimStore();
  const answered = new Map<string, string>();
  const metrics: string[] = [];
  const warnings: string[] = [];
  const notFound: string[] = [];
  const soldOut: string[] = [];
  const lanes = new ClaimLanes({
    store,
    clock,
    limits: {
      ...{ batchMax: 100, commitsUnderWayMax: 4, laneWaitingMax: 100, waitMaxMs: 1_000 },
      ...{ lanesMax: 100, waitingMax: 100, timeoutMs: 5_000 },
      ...limits,
    },
    metrics: {
      answered: () => undefined,
      shed: () => undefined,
      batchDecided: ({ size }) => metrics.push(`decided ${size}`),
      batchUnknown: () => metrics.push('unknown'),
      batchResolved: (resolution) => metrics.push(`resolved ${resolution}`),
    },
    log: { warn: (_, message) => warnings.push(message) },
    newBatchId: numbered('#'),
    onCouponNotFound: (name) => notFound.push(name),
    onSoldOut: (name) => soldOut.push(name),
  });
  /** One claim for each character, which is the user's id. */
  const claim = (userIds: string, couponName = 'LAUNCH') => {
    for (const userId of userIds) {
      lanes.claim(aCommand(userId, couponName)).then(
        (outcome) => answered.set(userId, outcome.outcome),
        (error: AppError) => answered.set(userId, `${error.code} ${error.claimId ?? ''}`.trim()),
      );
    }
  };
  /** The answers so far, by user. */
  const answers = async () => {
    await flushPromises();
    return Object.fromEntries(answered);
  };
  return { clock, store, lanes, claim, answers, metrics, warnings, notFound, soldOut };
}
