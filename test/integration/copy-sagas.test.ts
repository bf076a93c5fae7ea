// SPDX-License-Identifier: GPL-3.0-or-later
/** A copy of an installation goes on with its sagas, its webhooks and what is left to deliver, and with its tickets. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copyInstallation } from '../../src/adapters/postgres/copy/copy-installation.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { checkout } from '../support/sagas.ts';
import { openStores } from '../support/stores.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { createCouponWith, createWebhook } from '../support/webhooks.ts';

let source: TestDatabase;
let target: TestDatabase;

beforeAll(async () => {
  [source, target] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});

afterAll(async () => {
  await Promise.all([source.drop(), target.drop()]);
});

const tables = [
  ...['saga_definitions', 'sagas', 'saga_steps', 'webhooks', 'webhook_deliveries'],
  ...['event_cursors', 'event_relay', 'tickets', 'ticket_secret'],
];

const rowsOf = (database: TestDatabase, table: string) =>
  database.query(`select to_jsonb(t) as row from ${table} t order by to_jsonb(t)::text`);

it('a copy has every row of sagas, their steps and definitions, of webhooks and of tickets', async () => {
  const stores = openStores(source.url);
  await createWebhook(source);
  await createCouponWith(stores, 'shop', { amount: 10, holdSeconds: 600, saga: 'checkout' });
  await stores.decide('shop', ['ada', 'bob']);
  await stores.close();
  await source.query('select begin_sagas(id, 1, 10) from coupons');
  await source.query(`update sagas set version = $1, epoch = 3, step = 2`, [checkout.version]);
  await source.query(
    `insert into saga_definitions (name, version, definition) values ('checkout', $1, $2)`,
    [checkout.version, JSON.stringify(checkout)],
  );
  await source.query(
    `insert into saga_steps (saga_id, step, state, attempts, last_status, changed_at)
     select saga_id, 1, 'D', 1, 200, now() from sagas`,
  );
  await source.query(
    `insert into webhook_deliveries (webhook_id, coupon_id, seq, n, type, position, due_at, recorded_at)
     select w.id, c.id, 2, 1, 'claim.reserved', 1, now(), now() from webhooks w cross join coupons c`,
  );
  await source.query(
    `insert into event_cursors (coupon_id, seq, sale_state, started_at)
     select id, 2, 'before', now() from coupons`,
  );
  await source.query(`select keep_ticket_secret('\\x0123')`);
  await source.query(
    `insert into tickets (claim_id, accepted_at, decided_at, outcome, problem)
     values (gen_random_uuid(), now(), now(), 'ticket_failed', '{"code":"internal","detail":"x"}')`,
  );
  await waitFor('end', async () => {
    const sessions = await source.query(
      `select from pg_stat_activity where application_name = 'firstcome' and datname = current_database()`,
    );
    return sessions.length === 0;
  });

  const end = { schema, connectTimeoutMs: 20_000, sleep: systemClock.sleep };
  await copyInstallation(
    { ...end, url: source.url, listSchema: schema },
    { ...end, url: target.url },
  );
  for (const table of tables) {
    const rows = await rowsOf(source, table);
    expect(rows.length, table).toBeGreaterThan(0);
    expect(await rowsOf(target, table), table).toEqual(rows);
  }
});
