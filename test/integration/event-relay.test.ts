// SPDX-License-Identifier: GPL-3.0-or-later
/** The ledger becomes deliveries, in order and once each. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import { postgresWebhookStore } from '../../src/adapters/postgres/events/webhook-store.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { range } from '../support/crowd.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { changeClaim, createCouponWith, createWebhook, relayAll } from '../support/webhooks.ts';

let database: TestDatabase;
let connections: Database;
let stores: Stores;
let lease: Lease;
/** Slices so small that every look crosses the edges of some. */
const sizes = { coupons: 2, rows: 3, deliveries: 4 };
const relay = () => relayAll(postgresEventRelay(connections, sizes), lease);

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database);
  stores = openStores(database.url);
  const acquired = await postgresDutyLeases(connections, 'shop/1').acquire('event_relay');
  if (acquired === undefined) throw new Error('the lease is not free');
  lease = acquired;
  await database.query(`update duties set expires_at = 'infinity' where name = 'event_relay'`);
});

afterAll(async () => {
  await Promise.all([connections.close(), stores.close()]);
  await database.drop();
});

beforeEach(async () => {
  await database.query('truncate webhooks, webhook_deliveries, event_cursors, event_relay');
});

/** What a webhook gets of a coupon, in order: the type, with the position of a claim. */
async function eventsOf(webhookId: string, couponName: string): Promise<string[]> {
  const rows = await database.query<{ type: string; position: number | null }>(
    `select d.type, d.position from webhook_deliveries d join coupons c on c.id = d.coupon_id
     where d.webhook_id = $1 and c.name = $2 order by d.seq, d.n`,
    [webhookId, couponName],
  );
  return rows.map(({ type, position }) => (position === null ? type : `${type} ${position}`));
}

it('each change of a claim is one event, with what became of the coupon, in order', async () => {
  const webhook = await createWebhook(database);
  await createCouponWith(stores, 'holds', { amount: 3, holdSeconds: 60, stockLowAt: 1 });
  await stores.decide('holds', ['ada', 'bob']);
  await changeClaim(stores, 'holds', 'ada', 'confirm');
  await changeClaim(stores, 'holds', 'ada', 'redeem');
  await changeClaim(stores, 'holds', 'bob', 'release');
  await stores.decide('holds', ['cyd', 'dan']);
  await relay();
  expect(await eventsOf(webhook, 'holds')).toEqual([
    'claim.reserved 1',
    'claim.reserved 2',
    'coupon.stock_low',
    'claim.confirmed 1',
    'claim.redeemed 1',
    'claim.released 2',
    'claim.reserved 3',
    'claim.reserved 4',
    'coupon.stock_low',
    'coupon.sold_out',
    'coupon.opened',
  ]);
});

it('what happens while a webhook is disabled is no event for it, also when it is relayed after that', async () => {
  const webhook = await createWebhook(database);
  const store = postgresWebhookStore(connections, newId());
  const by = { actor: 'admin', requestId: null } as const;
  await createCouponWith(stores, 'disabled', { amount: 9 });
  await stores.decide('disabled', ['ada']);
  await relay();
  await database.query(`update webhooks set disabled_at = now(), disabled_reason = 'gone'`);
  await stores.decide('disabled', ['bob']);
  expect(await store.enable(webhook, by)).toMatchObject({ disabledAt: null });
  await stores.decide('disabled', ['cyd']);
  await relay();
  expect((await eventsOf(webhook, 'disabled')).filter((one) => one.startsWith('claim'))).toEqual([
    ...['claim.confirmed 1', 'claim.confirmed 3'],
  ]);
  const [before] = await database.query('select * from webhooks');
  await store.enable(webhook, by);
  expect(await database.query('select * from webhooks')).toEqual([before]);
});

it('a claim without a hold is confirmed from the start, and added stock is back in stock', async () => {
  const webhook = await createWebhook(database);
  await createCouponWith(stores, 'plain', { amount: 1 });
  await relay();
  await stores.decide('plain', ['ada', 'bob']);
  await database.query(`update coupons set stock_announced = true where name = 'plain'`);
  await database.query(
    `update coupons set amount = 2, remaining_amount = 1, ledger_seq = ledger_seq + 1 where name = 'plain'`,
  );
  await database.query(
    `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
     select id, ledger_seq, gen_random_uuid(), 'stock_added', 1, 1, clock_timestamp()
     from coupons where name = 'plain'`,
  );
  await relay();
  expect(await eventsOf(webhook, 'plain')).toEqual([
    'coupon.opened',
    'claim.confirmed 1',
    'coupon.sold_out',
    'coupon.back_in_stock',
  ]);
});

it('a webhook gets its events only: of its coupon, of its types, and from its creation on', async () => {
  await createCouponWith(stores, 'old', { amount: 10 });
  await stores.decide('old', ['ada']);
  const first = await createWebhook(database);
  await stores.decide('old', ['bob']);
  const second = await createWebhook(database, { couponName: 'old', events: ['claim.confirmed'] });
  await createCouponWith(stores, 'other', { amount: 10 });
  await stores.decide('old', ['cyd']);
  await stores.decide('other', ['ada']);
  await relay();
  expect(await eventsOf(first, 'old')).toEqual(['claim.confirmed 2', 'claim.confirmed 3']);
  expect(await eventsOf(first, 'other')).toEqual(['claim.confirmed 1', 'coupon.opened']);
  expect(await eventsOf(second, 'old')).toEqual(['claim.confirmed 3']);
  expect(await eventsOf(second, 'other')).toEqual([]);
});

it('many ledgers of any length are read to their ends, whatever the size of a slice', async () => {
  const webhook = await createWebhook(database, { events: ['claim.confirmed'] });
  for (const coupon of range(5)) {
    await createCouponWith(stores, `many ${coupon}`, { amount: 100 });
    for (const batch of range(2 * coupon)) {
      await stores.decide(`many ${coupon}`, [`u${2 * batch}`, `u${2 * batch + 1}`]);
    }
  }
  await relay();
  for (const coupon of range(5)) {
    expect(await eventsOf(webhook, `many ${coupon}`)).toEqual(
      range(4 * coupon).map((index) => `claim.confirmed ${index + 1}`),
    );
  }
});

it('a relay that was replaced writes nothing more', async () => {
  const webhook = await createWebhook(database);
  await createCouponWith(stores, 'fenced', { amount: 10 });
  const stale = { ...lease, epoch: String(Number(lease.epoch) - 1) };
  const store = postgresEventRelay(connections);
  const { found } = await store.findUnread('0');
  const ids = found.map(({ couponId }) => couponId);
  expect(await store.relay(stale, ids)).toBe('lease_lost');
  expect(await store.recordSaleState(stale, ids[0] as string)).toBe('lease_lost');
  expect(await eventsOf(webhook, 'fenced')).toEqual([]);
  expect(await database.query('select from event_cursors')).toEqual([]);
});

it('a sale opens and closes once, whatever it is paused in between, and archiving closes it', async () => {
  const webhook = await createWebhook(database, { events: ['coupon.opened', 'coupon.closed'] });
  await createCouponWith(stores, 'clock', { amount: 10, opensAt: '2100-01-01T00:00:00Z' });
  const set = (members: string) =>
    database.query(`update coupons set ${members} where name = 'clock'`);
  const after = async (members: string) => {
    await set(members);
    await relay();
    return eventsOf(webhook, 'clock');
  };
  expect(await after('paused = false')).toEqual([]);
  expect(await after('opens_at = now()')).toEqual(['coupon.opened']);
  expect(await after('paused = true')).toEqual(['coupon.opened']);
  expect(await after('paused = false')).toEqual(['coupon.opened']);
  expect(await after(`closes_at = opens_at + interval '1 microsecond'`)).toEqual([
    'coupon.opened',
    'coupon.closed',
  ]);
  expect(await after(`closes_at = null`)).toEqual([
    'coupon.opened',
    'coupon.closed',
    'coupon.opened',
  ]);
});
