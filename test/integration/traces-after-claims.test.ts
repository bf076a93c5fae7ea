// SPDX-License-Identifier: GPL-3.0-or-later
/** The traces of what follows a claim: its saga, and the events that are delivered. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { OtlpReceiver, spanKinds } from '../support/otlp-receiver.ts';
import { type Receiver, startReceiver } from '../support/receivers.ts';
import { patience, startService } from '../support/service.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let folder: string;
let traces: OtlpReceiver;
/** Takes part in sagas, and receives events. */
let shop: Receiver;
let env: Record<string, string>;
let app: App;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = await createTemporaryFolder('traces');
  traces = await OtlpReceiver.start();
  shop = await startReceiver();
  const step = { kind: 'http', participant: 'shop' };
  const steps = [
    { ...step, name: 'reserve', run: '/run', undo: '/undo' },
    { ...step, name: 'send', run: '/run', undo: '/undo' },
  ];
  const file = join(folder, 'sagas.json');
  const participants = {
    shop: { url: `http://127.0.0.1:${shop.port}`, secret_env: 'SHOP_SECRET' },
  };
  await writeFile(file, JSON.stringify({ participants, sagas: { checkout: { steps } } }));
  env = {
    ...{ ...patience, DATABASE_URL: database.url },
    ...{ SAGAS_FILE: file, SHOP_SECRET: 's'.repeat(32) },
    ...{ WEBHOOK_ALLOW_HTTP: 'true', WEBHOOK_ALLOWED_RECEIVERS: `127.0.0.1:${shop.port}` },
  };
});

afterEach(async () => {
  await app.stop();
  await traces.stop();
  await shop.close();
  await removeTemporaryFolder(folder);
  await database.drop();
});

async function post(path: string, body: object): Promise<Record<string, string>> {
  const answer = await fetch(`${app.url}${path}`, { method: 'POST', body: JSON.stringify(body) });
  expect(answer.status).toBeLessThan(300);
  return answer.json() as Promise<Record<string, string>>;
}

/** Claims a unit of a coupon with a saga, and waits for the end of the saga. */
async function claim(): Promise<Record<string, string>> {
  await post('/api/coupons', { name: 'SAGA', amount: 1, hold_seconds: 600, saga: 'checkout' });
  const claimed = await post('/api/coupons/claim', { coupon_name: 'SAGA', user_id: 'ada' });
  await waitFor('end of the saga', async () => {
    const rows = await database.query(`select from sagas where state = 'D'`);
    return rows.length >= 1;
  });
  return claimed;
}

it('a claim leads to the trace of its saga, which has every call, and participants get their trace', async () => {
  app = await startService({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: traces.url });
  const { saga_id: sagaId = '', claim_id: claimId } = await claim();
  await app.stop();
  const [request] = traces.named('POST /api/coupons/claim');
  const [saga] = traces.named('saga');
  const traceId = sagaId.replaceAll('-', '');
  expect(saga).toMatchObject({ traceId, links: [{ spanId: request?.spanId }] });
  expect(saga?.attributes).toMatchObject({
    'firstcome.claim.id': claimId,
    'firstcome.saga.state': 'done',
  });
  expect(request?.links.at(-1)).toMatchObject({ traceId, spanId: saga?.spanId });
  const calls = traces.spans.filter(
    ({ kind, name }) => kind === spanKinds.client && / /.test(name),
  );
  expect(calls.map(({ name }) => name)).toEqual(['run reserve', 'run send']);
  for (const [index, call] of calls.entries()) {
    expect(call).toMatchObject({ traceId, parentSpanId: saga?.spanId });
    const { traceparent } = shop.received[index]?.headers ?? {};
    expect(traceparent).toBe(`00-${traceId}-${call.spanId}-01`);
  }
});

it('each delivery of an event is traced, and the receiver gets its trace', async () => {
  app = await startService({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: traces.url });
  const url = `http://127.0.0.1:${shop.port}/events`;
  await post('/api/webhooks', { url, events: ['coupon.opened'] });
  await post('/api/coupons', { name: 'OPEN', amount: 1 });
  await waitFor('event', () => shop.received.length >= 1);
  const headers = shop.received[0]?.headers ?? {};
  await app.stop();
  const [delivery, ...others] = traces.named('deliver event');
  expect(others).toEqual([]);
  expect(delivery?.attributes).toMatchObject({
    'firstcome.event.id': headers['webhook-id'],
    'http.response.status_code': 204,
  });
  expect(headers.traceparent).toBe(`00-${delivery?.traceId}-${delivery?.spanId}-01`);
  expect(traces.text).not.toContain('/events');
});

it('without a collector a participant gets no trace', async () => {
  app = await startService(env);
  await claim();
  expect(shop.received).toHaveLength(2);
  expect(shop.received.filter(({ headers }) => 'traceparent' in headers)).toEqual([]);
});
