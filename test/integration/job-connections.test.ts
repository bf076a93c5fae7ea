// SPDX-License-Identifier: GPL-3.0-or-later
/** The connections of jobs, on a database whose search path does not lead to the tables. */
import { afterEach, expect, it } from 'vitest';
import { startReceiver } from '../support/receivers.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

it('events are delivered, and claims decided, whatever the search path of the database is', async () => {
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  await database.query(
    `do $$ begin execute format('alter database %I set search_path = public', current_database()); end $$`,
  );
  const receiver = await startReceiver();
  undo.push(() => receiver.close());
  const app = await startService({
    ...{ ...patience, DATABASE_URL: database.url, WEBHOOK_ALLOW_HTTP: 'true' },
    WEBHOOK_ALLOWED_RECEIVERS: `127.0.0.1:${receiver.port}`,
  });
  undo.push(() => app.stop());
  const post = async (path: string, body: object) =>
    (await fetch(`${app.url}${path}`, { method: 'POST', body: JSON.stringify(body) })).status;
  const url = `http://127.0.0.1:${receiver.port}/`;
  expect(await post('/api/webhooks', { url, events: ['claim.confirmed'] })).toBe(201);
  expect(await post('/api/coupons', { name: 'path', amount: 100 })).toBe(201);
  await waitFor('workers of the jobs', async () => {
    const workers = await database.query('select from firstcome.job_workers');
    return workers.length > 0;
  });
  for (let user = 1; user <= 5; user += 1) {
    const claim = { coupon_name: 'path', user_id: `user ${user}` };
    expect(await post('/api/coupons/claim', claim)).toBe(200);
    await waitFor(`event ${user}`, () => receiver.received.length >= user);
  }
});
