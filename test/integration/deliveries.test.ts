// SPDX-License-Identifier: GPL-3.0-or-later
/** Deliveries of prepared events: which are due, what a receiver gets, and what is stored of an attempt. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresDeliveries } from '../../src/adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import type { DeliverySession, DeliveryStore, DueDelivery } from '../../src/core/webhooks/ports.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { changeClaim, createCouponWith, createWebhook, relayAll } from '../support/webhooks.ts';

let database: TestDatabase;
let connections: Database;
let stores: Stores;
let deliveries: DeliveryStore;
let relay: () => Promise<void>;

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database);
  stores = openStores(database.url);
  deliveries = postgresDeliveries(connections, '0123456789abcdef');
  const lease = await postgresDutyLeases(connections, 'shop/1').acquire('event_relay');
  if (lease === undefined) throw new Error('the lease is not free');
  await database.query(`update duties set expires_at = 'infinity' where name = 'event_relay'`);
  relay = () => relayAll(postgresEventRelay(connections), lease);
});

afterAll(async () => {
  await Promise.all([connections.close(), stores.close()]);
  await database.drop();
});

beforeEach(async () => {
  await database.query('truncate webhooks, webhook_deliveries, event_cursors, event_relay');
});

async function begin(webhookId: string): Promise<DeliverySession> {
  const session = await deliveries.begin(webhookId);
  if (session === undefined) throw new Error('the webhook is not ready');
  return session;
}

const shown = ({ event }: DueDelivery) =>
  `${event.type} ${'claim' in event.data ? event.data.claim.position : event.data.remainingAmount}`;

const well = { failuresInARow: 0, waitsMs: 0, disabledReason: undefined };

/** What is stored of an attempt that was answered with 204, or has failed. */
const after = (
  { event: { couponId, seq, n } }: DueDelivery,
  state: 'delivered' | 'pending' | 'given_up',
  dueInMs = 0,
) => ({ couponId, seq, n, state, dueInMs, status: state === 'delivered' ? 204 : 500, error: null });

/** Delivers what is due, each event at once, and returns it in order. */
async function deliverAll(session: DeliverySession, limit: number): Promise<string[]> {
  const delivered: string[] = [];
  for (;;) {
    const due = await deliveries.findDue(session, limit, []);
    if (due.length === 0) return delivered;
    delivered.push(...due.map(shown));
    await deliveries.record(
      session,
      due.map((one) => after(one, 'delivered')),
      well,
    );
  }
}

it('a receiver gets each claim as that change left it, also when it has changed since', async () => {
  const webhookId = await createWebhook(database);
  await createCouponWith(stores, 'story', { amount: 2, holdSeconds: 60 });
  await stores.decide('story', ['ada', 'bob']);
  await changeClaim(stores, 'story', 'ada', 'confirm');
  await changeClaim(stores, 'story', 'ada', 'redeem');
  await changeClaim(stores, 'story', 'bob', 'release', 'cart emptied');
  await relay();
  const session = await begin(webhookId);
  const due: DueDelivery[] = [];
  for (let page = await deliveries.findDue(session, 10, []); page.length > 0; ) {
    due.push(...page);
    await deliveries.record(
      session,
      page.map((one) => after(one, 'delivered')),
      well,
    );
    page = await deliveries.findDue(session, 10, []);
  }
  const ofClaims = due.flatMap(({ event: { type, data } }) => {
    if (!('claim' in data)) return [];
    const { state, expiresAt, confirmedAt, redeemedAt, releasedAt, reason } = data.claim;
    const has = { expiresAt, confirmedAt, redeemedAt, releasedAt };
    const names = Object.entries(has).flatMap(([name, time]) => (time === undefined ? [] : [name]));
    return [[type, data.claim.userId, state, names.join(' '), reason]];
  });
  expect(ofClaims.sort()).toEqual([
    ['claim.confirmed', 'ada', 'confirmed', 'confirmedAt', undefined],
    ['claim.redeemed', 'ada', 'redeemed', 'confirmedAt redeemedAt', undefined],
    ['claim.released', 'bob', 'released', 'releasedAt', 'cart emptied'],
    ['claim.reserved', 'ada', 'reserved', 'expiresAt', undefined],
    ['claim.reserved', 'bob', 'reserved', 'expiresAt', undefined],
  ]);
  const ofCoupon = due.flatMap(({ event: { type, data } }) =>
    'claim' in data ? [] : [[type, data]],
  );
  expect(ofCoupon).toContainEqual([
    'coupon.sold_out',
    { couponName: 'story', amount: 2, remainingAmount: 0, state: 'open' },
  ]);
  expect(new Set(due.map(({ event }) => event.eventId)).size).toBe(due.length);
  expect(due[0]?.event.eventId).toMatch(/^evt_01234567_\d+_\d+_\d+$/);
});

it.each([1, 2, 3, 100])(
  'the events of a claim are delivered in their order, in pages of %d, also while an earlier one waits',
  async (limit) => {
    const name = `order ${limit}`;
    const webhookId = await createWebhook(database, {
      events: ['claim.reserved', 'claim.confirmed', 'claim.redeemed'],
    });
    await createCouponWith(stores, name, { amount: 9, holdSeconds: 60 });
    await stores.decide(name, ['ada', 'bob', 'cyd']);
    for (const user of ['ada', 'bob']) await changeClaim(stores, name, user, 'confirm');
    await changeClaim(stores, name, 'ada', 'redeem');
    await relay();
    const session = await begin(webhookId);
    const [first] = await deliveries.findDue(session, 1, []);
    if (first === undefined) throw new Error('nothing is due');
    expect(shown(first)).toBe('claim.reserved 1');
    await deliveries.record(session, [after(first, 'pending', 3_600_000)], well);
    expect(await deliverAll(session, limit)).toEqual([
      ...['claim.reserved 2', 'claim.reserved 3', 'claim.confirmed 2'],
    ]);
    await database.query(`update webhook_deliveries set due_at = now() where state = 'P'`);
    expect(await deliverAll(session, limit)).toEqual([
      ...['claim.reserved 1', 'claim.confirmed 1', 'claim.redeemed 1'],
    ]);
  },
);

it('what is under way is not found again, and keeps the later events of its claim back', async () => {
  const webhookId = await createWebhook(database, {
    events: ['claim.reserved', 'claim.confirmed', 'claim.redeemed'],
  });
  await createCouponWith(stores, 'under way', { amount: 9, holdSeconds: 60 });
  await stores.decide('under way', ['ada', 'bob', 'cyd']);
  await changeClaim(stores, 'under way', 'ada', 'confirm');
  await relay();
  const session = await begin(webhookId);
  const first = await deliveries.findDue(session, 2, []);
  expect(first.map(shown)).toEqual(['claim.reserved 1', 'claim.reserved 2']);
  expect((await deliveries.findDue(session, 2, first)).map(shown)).toEqual(['claim.reserved 3']);
  await deliveries.record(
    session,
    first.map((one) => after(one, 'delivered')),
    well,
  );
  const next = await deliveries.findDue(session, 1, first);
  expect(next.map(shown)).toEqual(['claim.reserved 3']);
  expect((await deliveries.findDue(session, 5, [])).map(shown)).toEqual([
    ...['claim.reserved 3', 'claim.confirmed 1'],
  ]);
});

it('a process that was replaced stores no result', async () => {
  const webhookId = await createWebhook(database);
  await createCouponWith(stores, 'replaced', { amount: 2 });
  await stores.decide('replaced', ['ada']);
  await relay();
  const [earlier, later] = [await begin(webhookId), await begin(webhookId)];
  const due = await deliveries.findDue(earlier, 10, []);
  const results = due.map((one) => after(one, 'delivered'));
  expect(await deliveries.record(earlier, results, well)).toBe(false);
  expect(await deliveries.findDue(later, 10, [])).toHaveLength(due.length);
  expect(await deliveries.record(later, results, well)).toBe(true);
  expect(await deliveries.findDue(later, 10, [])).toEqual([]);
});

it('a webhook that waits, is disabled or is gone has nothing due', async () => {
  const ids = [];
  for (const _ of [1, 2, 3]) ids.push(await createWebhook(database));
  await createCouponWith(stores, 'three', { amount: 2 });
  await stores.decide('three', ['ada']);
  await relay();
  expect((await deliveries.findDueWebhooks()).sort()).toEqual([...ids].sort());
  const [waits, disabled, gone] = ids as [string, string, string];
  await deliveries.record(await begin(waits), [], { ...well, waitsMs: 3_600_000 });
  await deliveries.record(await begin(disabled), [], { ...well, disabledReason: 'answered 410' });
  await database.query('delete from webhooks where id = $1', [gone]);
  expect(await deliveries.findDueWebhooks()).toEqual([]);
  for (const id of ids) expect(await deliveries.begin(id)).toBeUndefined();
  expect(
    await database.query(`select from webhook_deliveries where state = 'P' and webhook_id = $1`, [
      disabled,
    ]),
  ).toEqual([]);
});
