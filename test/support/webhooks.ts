// SPDX-License-Identifier: GPL-3.0-or-later
/** Webhooks, their events, and the relay, on a real database without a service. */
import { expect } from 'vitest';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimChange } from '../../src/core/claims/claim.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { relayLedgers } from '../../src/core/events/event-relay.ts';
import { type EventRelayStore, eventTypes } from '../../src/core/events/ports.ts';
import { byTest } from './by-test.ts';
import type { Stores } from './stores.ts';
import type { TestDatabase } from './test-database.ts';

/** Stores a webhook that is made now, and begins the relay. */
export async function createWebhook(
  database: TestDatabase,
  options: { events?: readonly string[]; couponName?: string; url?: string } = {},
): Promise<string> {
  const id = newId();
  await database.query(
    'insert into event_relay (started_at) values (clock_timestamp()) on conflict do nothing',
  );
  await database.query(
    `insert into webhooks (id, url, events, coupon_id, secrets, created_at, active_from)
     select $1, $4, $2, (select id from coupons where name = $3), '{secret}', now, now from clock_timestamp() now`,
    [id, options.events ?? eventTypes, options.couponName, options.url ?? 'https://shop.example/'],
  );
  return id;
}

/** Relays until no ledger has an unread row. */
export async function relayAll(store: EventRelayStore, lease: Lease): Promise<void> {
  const held = { lease, stopping: new AbortController() };
  await relayLedgers({ store, clock: systemClock, restFactor: () => 0 }, held, () => undefined);
}

/** Creates a coupon with members that not every coupon has. */
export async function createCouponWith(
  stores: Stores,
  name: string,
  members: {
    amount: number;
    holdSeconds?: number;
    saga?: string;
    stockLowAt?: number;
    opensAt?: string;
  },
): Promise<void> {
  const { opensAt = null, ...others } = members;
  const coupon = { name, opensAt, closesAt: null, batchId: newId(), ...others };
  await stores.coupons.createCoupon(coupon, byTest);
}

/** Changes the live claim of a user, which must be possible. */
export async function changeClaim(
  stores: Stores,
  couponName: string,
  userId: string,
  change: ClaimChange,
  reason?: string,
): Promise<void> {
  const command = {
    ...{ couponName, userId, change, reason, by: byTest, isFinal: false },
    ...{ claimId: undefined, idempotencyKey: undefined, announcement: undefined },
    mayReleaseConfirmed: true,
  };
  let announcement: string | undefined;
  for (;;) {
    const commands = [{ ...command, announcement }];
    const answer = await stores.claims.decideBatch({ batchId: newId(), couponName, commands });
    if (answer.kind !== 'decided') throw new Error('the change was not decided', { cause: answer });
    const [outcome] = answer.outcomes;
    if (outcome?.outcome !== 'announced') {
      expect(outcome).toMatchObject({ outcome: 'changed' });
      return;
    }
    // Nothing has a snapshot of the stock here, so nothing is to be waited for.
    announcement = outcome.announcement;
  }
}
