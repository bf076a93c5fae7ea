// SPDX-License-Identifier: GPL-3.0-or-later
import type { ReadClaimTraces } from '../../core/claims/read-timeline.ts';
import { couponNotFound } from '../../core/coupons/coupon.ts';
import { eventIdOf } from '../../core/webhooks/event-id.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { deliveryStates } from './events/webhook-deliveries.ts';
import { statement } from './statements.ts';

const readClaimTimeline = statement('read-claim-timeline');

type StoredDelivery = {
  webhook_id: string;
  coupon_id: string;
  seq: string;
  n: number;
  type: string;
  state: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  at: string;
};

type LoggedEntry = { at: string; actor: string; action: string; reason: string | null };

/** Reads the deliveries of a claim, and what operators have done to it, from PostgreSQL. */
export function postgresClaimTraces(database: Database, installationId: string): ReadClaimTraces {
  return async (claim) => {
    const { couponName, position, claimId, sagaId, ...times } = claim;
    const changedAt = [times.claimedAt, times.confirmedAt, times.redeemedAt, times.releasedAt];
    const [row] = await database
      .run<{ deliveries: string | null; entries: string | null }>(readClaimTimeline, [
        ...[couponName, position, changedAt.filter((at) => at !== undefined)],
        ...[claimId, sagaId ?? null],
      ])
      .catch(throwAsReadError);
    if (row === undefined) throw couponNotFound();
    const deliveries = JSON.parse(row.deliveries ?? '[]') as StoredDelivery[];
    const entries = JSON.parse(row.entries ?? '[]') as LoggedEntry[];
    return {
      deliveries: deliveries.map(({ type, at, state, attempts, ...stored }) => ({
        ...{ kind: 'delivery', name: type, at, attempts },
        state: deliveryStates[state] ?? state,
        webhookId: stored.webhook_id,
        eventId: eventIdOf(installationId, { ...stored, couponId: stored.coupon_id }),
        ...{ lastStatus: stored.last_status, lastError: stored.last_error },
      })),
      operators: entries.map(({ at, actor, action, reason }) => ({
        ...{ kind: 'operator', name: action, at, actor, reason: reason ?? undefined },
      })),
    };
  };
}
