// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponState } from '../../../core/coupons/coupon.ts';
import type { EventType } from '../../../core/events/ports.ts';
import { eventIdOf } from '../../../core/webhooks/event-id.ts';
import type { DeliveryStore } from '../../../core/webhooks/ports.ts';
import type { DeliveryState, Event } from '../../../core/webhooks/webhook.ts';
import { type ClaimTimes, toClaim, toMicroseconds } from '../claim-rows.ts';
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const findDueWebhooks = statement('find-due-webhooks');
const beginDelivery = statement('begin-delivery');
const findDueDeliveries = statement('find-due-deliveries');
const recordDeliveries = statement('record-deliveries');

type SessionRow = { epoch: string; url: string; secrets: string[]; failures_in_a_row: number };

type DueRow = ClaimTimes & {
  coupon_id: string;
  seq: string;
  n: number;
  attempts: number;
  asked_at: string;
  first_due_at: string;
  type: EventType;
  at: string;
  coupon_name: string;
  amount: number;
  remaining_amount: number;
  state: CouponState;
  claim_id: string | null;
  user_id: string;
  position: number;
};

const stateCodes: Record<DeliveryState, string> = { pending: 'P', delivered: 'D', given_up: 'G' };

/** Stores deliveries in PostgreSQL. */
export function postgresDeliveries(database: Database, installationId: string): DeliveryStore {
  return {
    async findDueWebhooks() {
      const rows = await runForDuty<{ id: string }>(database, findDueWebhooks, []);
      return rows.map(({ id }) => id);
    },

    async begin(webhookId) {
      const [row] = await runForDuty<SessionRow>(database, beginDelivery, [webhookId]);
      if (row === undefined) return undefined;
      const { epoch, url, secrets, failures_in_a_row: failuresInARow } = row;
      return { webhookId, epoch, url, secrets, failuresInARow };
    },

    async findDue({ webhookId }, limit, underWay) {
      const rows = await runForDuty<DueRow>(database, findDueDeliveries, [
        ...[webhookId, limit, underWay[0]?.firstDueAt ?? '-infinity'],
        underWay.map(({ event }) => event.couponId),
        underWay.map(({ event }) => event.seq),
        underWay.map(({ event }) => event.n),
      ]);
      return rows.map((row) => ({
        event: toEvent(installationId, row),
        attempts: row.attempts,
        recordedAt: row.asked_at,
        firstDueAt: row.first_due_at,
      }));
    },

    async record({ webhookId, epoch }, results, receiver) {
      const { failuresInARow, waitsMs, disabledReason } = receiver;
      const [row] = await runForDuty<{ is_stored: boolean }>(database, recordDeliveries, [
        ...[webhookId, epoch],
        results.map(({ couponId }) => couponId),
        results.map(({ seq }) => seq),
        results.map(({ n }) => n),
        results.map(({ state }) => stateCodes[state]),
        results.map(({ dueInMs }) => String(dueInMs)),
        results.map(({ status }) => status),
        results.map(({ error }) => error),
        ...[failuresInARow, Math.round(waitsMs), disabledReason],
      ]);
      return row?.is_stored === true;
    },
  };
}

function toEvent(installationId: string, row: DueRow): Event {
  const { coupon_id: couponId, seq, n, type, coupon_name: couponName } = row;
  return {
    ...{ couponId, seq, n, type, at: toMicroseconds(row.at) },
    eventId: eventIdOf(installationId, { couponId, seq, n }),
    data:
      row.claim_id === null
        ? {
            ...{ couponName, amount: row.amount, remainingAmount: row.remaining_amount },
            state: row.state,
          }
        : { claim: toClaim(couponName, row) },
  };
}
