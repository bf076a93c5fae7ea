// SPDX-License-Identifier: GPL-3.0-or-later
import { type ClaimLaneLimits, ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import type { AppError } from '../../src/core/errors.ts';
import { FixedClock, settled } from './fixed-clock.ts';
import { anAttempt, numbered, ScriptedClaimStore } from './scripted-claim-store.ts';

/** Lanes whose store, time and ids are in the hands of a test. */
export function scriptedLanes(limits: Partial<ClaimLaneLimits> = {}) {
  const clock = new FixedClock();
  const store = new ScriptedClaimStore();
  const told = new Map<string, string>();
  const metrics: string[] = [];
  const warnings: string[] = [];
  const gone: string[] = [];
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
      batchResolved: (how) => metrics.push(`settled ${how}`),
    },
    log: { warn: (_, message) => warnings.push(message) },
    newBatchId: numbered('#'),
    couponGone: (name) => gone.push(name),
    soldOut: (name) => soldOut.push(name),
  });
  const claim = (userIds: string, couponName = 'LAUNCH') => {
    for (const userId of userIds) {
      lanes.claim(anAttempt(userId, couponName)).then(
        (outcome) => told.set(userId, outcome.outcome),
        (error: AppError) => told.set(userId, `${error.code} ${error.claimId ?? ''}`.trim()),
      );
    }
  };
  const heard = async () => {
    await settled();
    return Object.fromEntries(told);
  };
  return { clock, store, lanes, claim, heard, metrics, warnings, gone, soldOut };
}
