// SPDX-License-Identifier: GPL-3.0-or-later

import type { ClaimChange } from '../../src/core/claims/claim.ts';
import { type ClaimLaneLimits, ClaimLanes } from '../../src/core/claims/claim-lanes.ts';
import type { SentChange } from '../../src/core/claims/ports.ts';
import type { AppError } from '../../src/core/errors.ts';
import { FixedClock, flushPromises } from './fixed-clock.ts';
import {
  aChange,
  aCommand,
  aTicketedClaim,
  numbered,
  ScriptedClaimStore,
} from './scripted-claim-store.ts';

/** Lanes whose store, time and ids a test controls. */
export function scriptedLanes(limits: Partial<ClaimLaneLimits> = {}) {
  const clock = new FixedClock();
  const store = new ScriptedClaimStore();
  const answered = new Map<string, string>();
  const details: string[] = [];
  const metrics: string[] = [];
  const warnings: string[] = [];
  const notFound: string[] = [];
  const soldOut: string[] = [];
  const changed: string[] = [];
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
    onChanged: (name) => changed.push(name),
  });
  const record = (name: string, answer: Promise<{ outcome: string }>) => {
    answer.then(
      ({ outcome }) => answered.set(name, outcome),
      (error: AppError) => {
        answered.set(name, `${error.code} ${error.claimId ?? ''}`.trim());
        details.push(error.detail);
      },
    );
  };
  /** One claim for each character, which is the user's id. */
  const claim = (userIds: string, couponName = 'LAUNCH') => {
    for (const userId of userIds) record(userId, lanes.claim(aCommand(userId, couponName)));
  };
  /** One claim from the queue for each character, which is the user's id. */
  const claimTicket = (userIds: string, couponName = 'LAUNCH') => {
    for (const userId of userIds)
      record(userId, lanes.claimTicket(aTicketedClaim(userId, couponName)));
  };
  /** A change of the user's claim; its answer has the name `<change>-<user>`. */
  const change = (name: ClaimChange, userId: string, members: Partial<SentChange> = {}) =>
    record(`${name}-${userId}`, lanes.change(aChange(name, userId, members)));
  /** The answers so far, by user; those of changes by `<change>-<user>`. */
  const answers = async () => {
    await flushPromises();
    return Object.fromEntries(answered);
  };
  return {
    ...{ clock, store, lanes, claim, claimTicket, change, answers },
    ...{ details, metrics, warnings, notFound, soldOut, changed },
  };
}
