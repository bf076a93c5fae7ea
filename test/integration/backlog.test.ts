// SPDX-License-Identifier: GPL-3.0-or-later
/** What a scrape shows of the work that is left for webhooks and sagas. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import { postgresBacklog } from '../../src/adapters/postgres/monitoring/backlog.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { EventRelay } from '../../src/core/events/event-relay.ts';
import type { Backlog } from '../../src/core/events/ports.ts';
import { openDatabase } from '../support/open-database.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { createWebhook } from '../support/webhooks.ts';

let database: TestDatabase;
let connections: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database);
});

afterAll(async () => {
  await connections.close();
  await database.drop();
});

beforeEach(async () => {
  await database.query('truncate webhooks, webhook_deliveries, event_relay, sagas');
});

const measure = (limits?: { counted: number; read: number }) =>
  postgresBacklog(connections, limits)() as Promise<Backlog>;

/** Adds deliveries of events that happened so many seconds ago, the next attempt of each a second after the one before. */
async function addDeliveries(webhookId: string, state: string, ...ages: number[]): Promise<void> {
  await database.query(
    `insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, state, due_at, recorded_at)
     select $1, 1, n, 1, 'coupon.opened', $2, now() + n * interval '1 second',
       now() - age * interval '1 second'
     from unnest($3::integer[]) with ordinality made (age, n)`,
    [webhookId, state, ages],
  );
}

/** Adds sagas in a state that began so many seconds ago, each with a deadline of a minute. */
async function addSagas(state: string, ...ages: number[]): Promise<void> {
  await database.query(
    `insert into sagas (saga_id, coupon_id, position, claim_id, user_id, name, state, due_at, shard,
       started_at, deadline_at)
     select gen_random_uuid(), 1, (random() * 1e9)::integer, gen_random_uuid(), 'ada', 'checkout', $1, now(), 0,
       now() - age * interval '1 second', now() + (60 - age) * interval '1 second'
     from unnest($2::integer[]) made (age)`,
    [state, ages],
  );
}

it('there is no backlog before the relay has begun', async () => {
  await addSagas('R', 10);
  expect(await postgresBacklog(connections)()).toBeUndefined();
});

it('an installation with a webhook and nothing to do has a backlog of nothing', async () => {
  await createWebhook(database);
  expect(await measure()).toEqual({
    webhooks: { active: 1, disabled: 0 },
    ...{ pendingDeliveries: 0, undeliveredSeconds: 0 },
    sagas: { running: 0, compensating: 0, needsAttention: 0 },
    ...{ sagaSeconds: 0, sagaOverdueSeconds: 0 },
  });
});

it('the backlog has the pending deliveries and the age of the oldest event of an active webhook', async () => {
  const [active, disabled] = [await createWebhook(database), await createWebhook(database)];
  await database.query('update webhooks set disabled_at = now() where id = $1', [disabled]);
  await addDeliveries(active, 'P', 100, 500, 200);
  await addDeliveries(disabled, 'G', 9_000);
  const backlog = await measure();
  expect(backlog).toMatchObject({ webhooks: { active: 1, disabled: 1 }, pendingDeliveries: 3 });
  expect(Math.floor(backlog.undeliveredSeconds / 100)).toBe(5);
  // An event that is sent again on request waits since the request.
  await database.query('update webhook_deliveries set requested_at = now() where seq = 2');
  expect(Math.floor((await measure()).undeliveredSeconds / 100)).toBe(2);
});

it('counts end at their limit, and the ages of both ends are read', async () => {
  const webhook = await createWebhook(database);
  await addDeliveries(webhook, 'P', 100, 5_000, 200, 300);
  await addSagas('R', 1, 2, 3, 4);
  const backlog = await measure({ counted: 3, read: 1 });
  expect(backlog).toMatchObject({ pendingDeliveries: 3, sagas: { running: 3 } });
  expect(Math.floor(backlog.undeliveredSeconds / 100)).toBe(3);
  await database.query(
    `update webhook_deliveries set due_at = now() + interval '1 hour' where seq = 2`,
  );
  expect(Math.floor((await measure({ counted: 3, read: 1 })).undeliveredSeconds / 100)).toBe(50);
});

it('the backlog has the sagas that have not ended, and those past their deadline but those that wait for an operator', async () => {
  await createWebhook(database);
  await addSagas('R', 10, 100);
  await addSagas('C', 30);
  await addSagas('A', 9_000);
  await addSagas('D', 9_000);
  await addSagas('X', 9_000);
  const backlog = await measure();
  expect(backlog.sagas).toEqual({ running: 2, compensating: 1, needsAttention: 1 });
  expect(Math.floor(backlog.sagaSeconds / 10)).toBe(10);
  expect(Math.floor(backlog.sagaOverdueSeconds / 10)).toBe(4);
});

it('the relay shows its lag while it runs and something needs events', async () => {
  const relay = new EventRelay({
    ...{ store: postgresEventRelay(connections), clock: systemClock },
    ...{ isNeeded: () => true, restFactor: () => 0, warn: () => undefined },
  });
  expect(relay.state()).toBeUndefined();
  const lease = await postgresDutyLeases(connections, 'shop/1').acquire('event_relay');
  if (lease === undefined) throw new Error('the lease is not free');
  const end = relay.begin(lease);
  expect(relay.state()).toBeUndefined();
  await createWebhook(database);
  await waitFor('lag', () => relay.state() !== undefined);
  expect(relay.state()?.lagMs).toBeGreaterThanOrEqual(0);
  await end();
  expect(relay.state()).toBeUndefined();
});
