// SPDX-License-Identifier: GPL-3.0-or-later
/** What becomes of deliveries with time: given up while the receiver rests, and deleted in the end. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresDeliveries } from '../../src/adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import { postgresWebhookStore } from '../../src/adapters/postgres/events/webhook-store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { EventRelay } from '../../src/core/events/event-relay.ts';
import { byTest } from '../support/by-test.ts';
import { openDatabase } from '../support/open-database.ts';
import { usesOf } from '../support/table-uses.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { createWebhook } from '../support/webhooks.ts';

let database: TestDatabase;
let connections: Database;
let lease: Lease;
let planted = 0;

/** One look ends so few that the tests cross the edges of some. */
const sizes = { coupons: 10, rows: 8, deliveries: 4 };
const endOld = () => postgresEventRelay(connections, sizes).endOldDeliveries(lease);

async function setUp(): Promise<void> {
  database = await createTestDatabase();
  connections = openDatabase(database, { connectionsMax: 1 });
  const acquired = await postgresDutyLeases(connections, 'shop/1').acquire('event_relay');
  if (acquired === undefined) throw new Error('the lease is not free');
  lease = acquired;
  await database.query(`update duties set expires_at = 'infinity' where name = 'event_relay'`);
}

async function tearDown(): Promise<void> {
  await connections.close();
  await database.drop();
}

beforeAll(setUp);
afterAll(tearDown);

beforeEach(async () => {
  await database.query('truncate webhooks, webhook_deliveries, event_cursors, event_relay');
});

/** Plants deliveries of events that happened this long ago, some minutes apart. */
async function plant(
  webhookId: string,
  type: string,
  ago: string,
  { state = 'D', count = 1 }: { state?: string; count?: number } = {},
): Promise<void> {
  await database.query(
    `insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, state, due_at, recorded_at)
     select $1, 1, $6::bigint + i, 1, $2, $4::"char", at, at
     from generate_series(1, $5::integer) i cross join lateral (select now() - $3::interval + i * interval '1 second' as at) t`,
    [webhookId, type, ago, state, count, planted],
  );
  planted += count;
}

/** What is left, as the names that the deliveries were planted with. */
const left = async (where = 'true') =>
  (
    await database.query<{ type: string }>(
      `select distinct type from webhook_deliveries where ${where} order by type`,
    )
  ).map(({ type }) => type);

async function endAll(): Promise<number> {
  for (let looks = 1; ; looks += 1) if ((await endOld()) === 'done') return looks;
}

const rests = (webhookId: string) =>
  database.query(`update webhooks set waits_until = now() + interval '5 minutes' where id = $1`, [
    webhookId,
  ]);

it('deliveries are deleted after 30 days, but no pending one of a webhook that exists', async () => {
  const webhook = await createWebhook(database);
  const other = await createWebhook(database);
  const deleted = newId();
  for (const id of [webhook, other, deleted]) {
    await plant(id, 'old', '31 days');
    await plant(id, 'old and given up', '31 days', { state: 'G' });
    await plant(id, 'young', '29 days');
  }
  await plant(webhook, 'pending', '31 days', { state: 'P' });
  await plant(deleted, 'pending of a deleted one', '31 days', { state: 'P' });
  await endAll();
  expect(await left()).toEqual(['pending', 'young']);
  expect(await database.query('select from webhook_deliveries')).toHaveLength(4);
});

it('a look deletes a slice, and many looks delete all', async () => {
  const webhook = await createWebhook(database);
  await plant(webhook, 'old', '40 days', { count: 10 });
  expect(await endOld()).toBe('more');
  expect(await database.query('select from webhook_deliveries')).toHaveLength(6);
  expect(await endAll()).toBe(2);
  expect(await left()).toEqual([]);
});

it('the backlog of a receiver that rests is given up after 24 hours, and nothing younger', async () => {
  const resting = await createWebhook(database);
  const working = await createWebhook(database);
  await rests(resting);
  for (const id of [resting, working]) {
    await plant(id, 'waiting', '25 hours', { state: 'P', count: 6 });
    await plant(id, 'young', '23 hours', { state: 'P', count: 6 });
  }
  expect(await endAll()).toBeGreaterThan(1);
  expect(await left(`webhook_id = '${resting}' and state = 'G'`)).toEqual(['waiting']);
  expect(await left(`webhook_id = '${resting}' and state = 'P'`)).toEqual(['young']);
  expect(await left(`webhook_id = '${working}' and state = 'G'`)).toEqual([]);
  const [one] = await database.query(`select last_error from webhook_deliveries where state = 'G'`);
  expect(one).toEqual({ last_error: 'the receiver was away for too long' });
});

it('an old event that an operator has asked for again has its 24 hours from then on', async () => {
  const webhook = await createWebhook(database);
  await rests(webhook);
  await plant(webhook, 'asked', '20 days', { state: 'P' });
  await database.query(`update webhook_deliveries set requested_at = now() - interval '23 hours'`);
  await endAll();
  expect(await left(`state = 'P'`)).toEqual(['asked']);
  await database.query(`update webhook_deliveries set requested_at = now() - interval '25 hours'`);
  await endAll();
  expect(await left(`state = 'P'`)).toEqual([]);
});

it('a webhook that is disabled gives up at once what a statement can, and the relay gives up the rest', async () => {
  const disabled = await createWebhook(database);
  await plant(disabled, 'backlog', '1 hour', { state: 'P', count: 10_010 });
  const deliveries = postgresDeliveries(connections, '0123456789abcdef');
  const session = await deliveries.begin(disabled);
  if (session === undefined) throw new Error('the webhook is not ready');
  const gone = { failuresInARow: 1, waitsMs: 0, disabledReason: 'the receiver answered 410' };
  expect(await deliveries.record(session, [], gone)).toBe(true);
  const pending = () => database.query(`select from webhook_deliveries where state = 'P'`);
  expect(await pending()).toHaveLength(10);
  expect(await endAll()).toBe(3);
  expect(await pending()).toEqual([]);
});

it('a webhook that is enabled gets nothing that a slice of the relay has added while it was disabled', async () => {
  const webhook = await createWebhook(database);
  await database.query('update webhooks set disabled_at = now()');
  await plant(webhook, 'added late', '1 minute', { state: 'P' });
  await postgresWebhookStore(connections, '0123456789abcdef').enable(webhook, byTest);
  const deliveries = postgresDeliveries(connections, '0123456789abcdef');
  expect(await deliveries.findDueWebhooks()).toEqual([]);
  expect(await left(`state = 'G'`)).toEqual(['added late']);
});

it('a relay that was replaced ends no delivery', async () => {
  const webhook = await createWebhook(database);
  await rests(webhook);
  await plant(webhook, 'old', '40 days');
  await plant(webhook, 'waiting', '25 hours', { state: 'P' });
  const stale = { ...lease, epoch: String(Number(lease.epoch) - 1) };
  expect(await postgresEventRelay(connections, sizes).endOldDeliveries(stale)).toBe('lease_lost');
  expect(await left(`state <> 'G'`)).toEqual(['old', 'waiting']);
});

it('the relay ends old deliveries, slice by slice, also where no webhook is left', async () => {
  await plant(newId(), 'old', '40 days', { count: 10 });
  const store = postgresEventRelay(connections, sizes);
  const warnings: unknown[] = [];
  const warn = (...warning: unknown[]) => void warnings.push(warning);
  const end = new EventRelay({
    store,
    clock: systemClock,
    isNeeded: () => true,
    restFactor: () => 0,
    warn,
  }).begin(lease);
  await waitFor('delete all', async () => (await left()).length === 0);
  await end();
  expect(warnings).toEqual([]);
});

it('old deliveries are found along an index, however many there are', async () => {
  // In a database that no other test has read: a session reports its reads late.
  await tearDown();
  await setUp();
  const webhook = await createWebhook(database);
  await rests(webhook);
  await createWebhook(database);
  await plant(webhook, 'young', '29 days', { count: 50_000 });
  await plant(webhook, 'young and pending', '1 hour', { state: 'P', count: 50_000 });
  await plant(webhook, 'old', '40 days', { count: 20 });
  for (let time = 1; time <= 7; time += 1) await endOld();
  await connections.close();
  const { webhook_deliveries: use } = await usesOf(database);
  connections = openDatabase(database, { connectionsMax: 1 });
  expect(use).toMatchObject({ seq_scan: '0' });
  expect(Number(use?.idx_tup_fetch)).toBeGreaterThan(0);
  expect(Number(use?.idx_tup_fetch)).toBeLessThan(7 * 10 * sizes.deliveries);
});
