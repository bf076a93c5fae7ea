// SPDX-License-Identifier: GPL-3.0-or-later
/** The stop of a service that delivers events. */
import { afterEach, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

it('a service with a webhook stops although its database gives no answers any more', async () => {
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const proxy = await FaultProxy.before(database.url);
  undo.push(() => proxy.stop());
  const app = await startService({
    ...{ DATABASE_URL: proxy.urlOf(database.url), SHUTDOWN_TIMEOUT_MS: '1000' },
    WEBHOOK_ALLOW_HTTP: 'true',
  });
  const made = await fetch(`${app.url}/api/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: 'http://shop.example/', events: ['coupon.opened'] }),
  });
  expect(made.status).toBe(201);
  await waitFor('workers of the jobs', async () => {
    const workers = await database.query('select from job_workers');
    return workers.length > 0;
  });
  proxy.blackHole(true);
  await app.stop();
  await waitFor('end of all connections', () => proxy.openLinks === 0);
});
