// SPDX-License-Identifier: GPL-3.0-or-later
/** A service that delivers events, while its database gives no answers or its connections break. */
import { afterEach, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startReceiver } from '../support/receivers.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const undo: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A service behind a proxy, with a webhook for all claims, whose jobs run. */
async function startDelivering() {
  const database = await createTestDatabase();
  undo.push(() => database.drop());
  const proxy = await FaultProxy.before(database.url);
  undo.push(() => proxy.stop());
  const receiver = await startReceiver((response) => {
    response.writeHead(204).end();
  });
  undo.push(async () => receiver.close());
  const app = await startService({
    ...{ DATABASE_URL: proxy.urlOf(database.url), SHUTDOWN_TIMEOUT_MS: '1000' },
    ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_RECEIVERS: `127.0.0.1:${receiver.port}` },
  });
  undo.push(() => app.stop());
  const post = (path: string, body: object) =>
    fetch(`${app.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const url = `http://127.0.0.1:${receiver.port}/`;
  const made = await post('/api/webhooks', { url, events: ['claim.confirmed'] });
  expect(made.status).toBe(201);
  await waitFor('workers of the jobs', async () => {
    const workers = await database.query('select from job_workers');
    return workers.length > 0;
  });
  return { app, database, proxy, receiver, post };
}

it('a service with a webhook stops although its database gives no answers any more', async () => {
  const { app, proxy } = await startDelivering();
  proxy.blackHole(true);
  await app.stop();
  await waitFor('end of all connections', () => proxy.openLinks === 0);
});

it('a service with a webhook stops while the database owes the answer to its statement to listen', async () => {
  const { app, proxy } = await startDelivering();
  const listens = () => proxy.cuts.silence;
  proxy.cutWhen = (piece) => (piece.includes('LISTEN "jobs:insert"') ? 'silence' : undefined);
  proxy.breakAll();
  await waitFor('a statement to listen', () => listens() > 0);
  // Its failure is an unhandled rejection, by which the run of the tests fails, or it is handled.
  await app.stop();
  await waitFor('end of all connections', () => proxy.openLinks === 0);
});

it('events are delivered after the connections to the database broke again and again', async () => {
  const { proxy, receiver, post } = await startDelivering();
  expect((await post('/api/coupons', { name: 'outage', amount: 1_000 })).status).toBe(201);
  const claimed: string[] = [];
  for (let round = 1; round <= 10; round += 1) {
    await waitFor(`claim ${round}`, async () => {
      const body = { coupon_name: 'outage', user_id: `user ${round}` };
      const answer = await post('/api/coupons/claim', body);
      return answer.status === 200 || answer.status === 409;
    });
    claimed.push(`user ${round}`);
    // At a moment of a delivery that differs from round to round.
    await waitFor('next event', () => receiver.received.length >= Math.floor(round / 2));
    proxy.breakAll();
  }
  const received = () =>
    new Set(receiver.received.map(({ body }) => JSON.parse(body).data.user_id));
  await waitFor('all events', () => claimed.every((user) => received().has(user)));
});

it('events are delivered after the answer that gave their job to a process was lost', async () => {
  const { database, proxy, receiver, post } = await startDelivering();
  expect((await post('/api/coupons', { name: 'lost', amount: 10 })).status).toBe(201);
  proxy.cutWhen = (piece) => (piece.includes('get_job/') ? 'before_reply' : undefined);
  const body = { coupon_name: 'lost', user_id: 'ada' };
  expect((await post('/api/coupons/claim', body)).status).toBe(200);
  await waitFor('a job that nothing runs', async () => {
    const held = await database.query(
      'select from firstcome_jobs.jobs where locked_by is not null and attempts = 1',
    );
    return held.length > 0;
  });
  proxy.heal();
  await waitFor('the event', () => receiver.received.length > 0);
});

it('events are delivered although their job was failed at a forced stop', async () => {
  const { database, receiver, post } = await startDelivering();
  const [webhook] = await database.query<{ id: string }>('select id from webhooks');
  await database.query(`do $$ begin
    perform firstcome_jobs.add_job('deliver', json_build_object('subject', '${webhook?.id}'),
      run_at => now() + interval '6 hours', job_key => 'deliver:${webhook?.id}');
    update firstcome_jobs._private_jobs set attempts = 10, last_error = 'stopped';
  end $$`);
  expect((await post('/api/coupons', { name: 'failed', amount: 10 })).status).toBe(201);
  const body = { coupon_name: 'failed', user_id: 'ada' };
  expect((await post('/api/coupons/claim', body)).status).toBe(200);
  await waitFor('the event', () => receiver.received.length > 0);
});

it('events are delivered although a worker holds their job that is on no list', async () => {
  const { database, receiver, post } = await startDelivering();
  const [webhook] = await database.query<{ id: string }>('select id from webhooks');
  // As a statement that reaches the database after its process has ended.
  await database.query(`do $$ begin
    perform firstcome_jobs.add_job('deliver', json_build_object('subject', '${webhook?.id}'),
      job_key => 'deliver:${webhook?.id}', job_key_mode => 'unsafe_dedupe');
    update firstcome_jobs._private_jobs set locked_by = 'pool-gone', locked_at = now();
  end $$`);
  expect((await post('/api/coupons', { name: 'unlisted', amount: 10 })).status).toBe(201);
  const body = { coupon_name: 'unlisted', user_id: 'ada' };
  expect((await post('/api/coupons/claim', body)).status).toBe(200);
  await waitFor('the event', () => receiver.received.length > 0);
});
