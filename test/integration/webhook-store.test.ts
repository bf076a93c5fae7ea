// SPDX-License-Identifier: GPL-3.0-or-later
/** Webhooks in the database, beside the relay and the deliveries of other processes. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresDeliveries } from '../../src/adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import { postgresWebhookStore } from '../../src/adapters/postgres/events/webhook-store.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { newWebhookSecret } from '../../src/adapters/system/webhook-secret.ts';
import { eventTypes } from '../../src/core/events/ports.ts';
import { deleteWebhookWith } from '../../src/core/webhooks/delete-webhook.ts';
import type { WebhookStore } from '../../src/core/webhooks/ports.ts';
import { redeliverEventsWith } from '../../src/core/webhooks/redeliver-events.ts';
import { byTest } from '../support/by-test.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { relayAll } from '../support/webhooks.ts';

const installationId = '0123456789abcdef';
let database: TestDatabase;
let connections: Database;
let stores: Stores;
let store: WebhookStore;
let relay: () => Promise<void>;

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database);
  stores = openStores(database.url);
  store = postgresWebhookStore(connections, installationId);
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

async function create(couponName: string | null = null) {
  const created = await store.create(
    {
      ...{ webhookId: newId(), url: 'https://shop.example/', events: eventTypes, couponName },
      ...{ secret: newWebhookSecret(), idempotencyKey: undefined, webhooksMax: 100 },
    },
    byTest,
  );
  if (typeof created === 'string') throw new Error(created);
  return created.webhook;
}

/** Stores deliveries of events of the past that were delivered, a second apart. */
async function plantDelivered(webhookId: string, count: number): Promise<void> {
  await database.query(
    `insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, state, attempts, due_at, recorded_at)
     select $1::uuid, 1 + i % 3, i, 1, 'coupon.opened', 'D', 1, now(), timestamptz '2030-01-01Z' + i * interval '1 second'
     from generate_series(0, $2::integer - 1) i`,
    [webhookId, count],
  );
}

/** Does something while a slice of the relay is under way, and returns the time at which the slice ended. */
async function duringSlice(change: () => Promise<unknown>): Promise<string> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query(`select from duties where name = 'event_relay' for share`);
    const changed = change();
    await waitFor('the change to wait for the slice', async () => {
      const waiting = await database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
    const { rows } = await client.query('select clock_timestamp()::text as ended_at');
    await client.query('commit');
    await changed;
    return rows[0].ended_at;
  } finally {
    await client.end();
  }
}

it('a webhook is created after the slice of the relay that has not seen it', async () => {
  const endedAt = await duringSlice(() => create());
  const rows = await database.query<{ is_later: boolean }>(
    'select created_at > $1::timestamptz as is_later from webhooks',
    [endedAt],
  );
  expect(rows).toEqual([{ is_later: true }]);
});

it('a webhook is deleted after the slice of the relay that may add to its deliveries', async () => {
  const { webhookId } = await create();
  await duringSlice(() => store.delete(webhookId, byTest));
  expect(await store.read(webhookId)).toBeUndefined();
});

it('a webhook gets what happens after its creation, and nothing from before, also after the relay began again', async () => {
  await stores.createCoupon('steady', 9);
  await stores.decide('steady', ['ada']);
  const first = await create('steady');
  await stores.decide('steady', ['bob']);
  await relay();
  await store.delete(first.webhookId, byTest);
  await stores.decide('steady', ['cyd']);
  const second = await create('steady');
  await stores.decide('steady', ['dan']);
  await relay();
  const found = await store.listDeliveries(second.webhookId, { before: undefined, limit: 10 });
  const claims = found?.deliveries.filter(({ type }) => type === 'claim.confirmed');
  expect(claims).toHaveLength(1);
  const rows = await database.query(
    `select c.user_id from webhook_deliveries d join claims c on c.coupon_id = d.coupon_id and c.position = d.position
     where d.webhook_id = $1`,
    [second.webhookId],
  );
  expect(rows).toEqual([{ user_id: 'dan' }]);
});

it('all events of a period become due, however many there are, and no other', async () => {
  const [webhook, other] = [await create(), await create()];
  await plantDelivered(webhook.webhookId, 13_000);
  await plantDelivered(other.webhookId, 10);
  const redeliver = redeliverEventsWith({ store, installationId, clock: systemClock });
  const period = { since: '2030-01-01T00:00:01.000000Z', until: '2030-01-01T03:20:01+00:00' };
  expect(await redeliver(webhook.webhookId, period)).toBe(12_000);
  const pending = await database.query(
    `select webhook_id, count(*)::integer, min(seq)::integer, max(seq)::integer, sum(attempts)::integer
     from webhook_deliveries where state = 'P' group by webhook_id`,
  );
  expect(pending).toEqual([
    { webhook_id: webhook.webhookId, count: 12_000, min: 1, max: 12_000, sum: 0 },
  ]);
});

it('all deliveries of a deleted webhook are deleted, however many there are, and no other', async () => {
  const [webhook, other] = [await create(), await create()];
  await plantDelivered(webhook.webhookId, 13_000);
  await plantDelivered(other.webhookId, 10);
  await deleteWebhookWith({ store, clock: systemClock })(webhook.webhookId, byTest);
  const left = await database.query(
    'select webhook_id, count(*)::integer from webhook_deliveries group by webhook_id',
  );
  expect(left).toEqual([{ webhook_id: other.webhookId, count: 10 }]);
});

it('an event that is asked for again has 24 hours from then, and one that is not has them from the change', async () => {
  await stores.createCoupon('aged', 9);
  const { webhookId } = await create('aged');
  await stores.decide('aged', ['ada', 'bob']);
  await relay();
  await database.query(
    `update webhook_deliveries set recorded_at = recorded_at - interval '3 days'`,
  );
  const page = await store.listDeliveries(webhookId, { before: undefined, limit: 10 });
  const ada = page?.deliveries.at(-1);
  const redeliver = redeliverEventsWith({ store, installationId, clock: systemClock });
  expect(await redeliver(webhookId, { eventId: ada?.eventId ?? '' })).toBe(1);
  const deliveries = postgresDeliveries(connections, installationId);
  const session = await deliveries.begin(webhookId);
  if (session === undefined) throw new Error('the webhook is not ready');
  const due = await deliveries.findDue(session, 10, []);
  const agesInDays = due.map(({ event, recordedAt }) => [
    event.eventId === ada?.eventId,
    Math.round((Date.now() - Date.parse(recordedAt)) / 86_400_000),
  ]);
  expect(agesInDays.filter(([isAda]) => isAda)).toEqual([[true, 0]]);
  expect(new Set(agesInDays.filter(([isAda]) => !isAda).map(([, days]) => days))).toEqual(
    new Set([3]),
  );
});
