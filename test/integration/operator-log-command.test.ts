// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printOperatorLog } from '../../src/app/operator-log.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { StartError } from '../../src/core/errors.ts';
import { type Client, clientOf } from '../support/contract-client.ts';
import { plantSagas } from '../support/sagas.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const key = 'admin-key-of-thirty-two-characters!';
const viewerKey = 'viewer-key-of-thirty-two-characters';

let database: TestDatabase;
let app: App;
let admin: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startService({
    DATABASE_URL: database.url,
    ADMIN_API_KEY: key,
    VIEWER_API_KEY: viewerKey,
  });
  admin = clientOf(app.url, { Authorization: `Bearer ${key}` });
  const closes_at = '2999-01-01T00:00:00Z';
  await admin.post('/api/coupons', { name: 'SALE " ', amount: 5, closes_at });
  await admin.post('/api/coupons/SALE%20%22%20/stock', { add: 2 });
  await admin.patch('/api/coupons/SALE%20%22%20', { archived: true, closes_at: null });
});

afterAll(async () => {
  admin.close();
  await app.stop();
  await database.drop();
});

/** The lines that `firstcome log` prints. */
async function logLines(
  options: { url?: string; limit?: number; json?: boolean } = {},
  env: Record<string, string> = { ADMIN_API_KEY: key },
): Promise<string[]> {
  let printed = '';
  const output = {
    stdout: (text: string) => {
      printed += text;
    },
    stderr: () => undefined,
  };
  const config = loadConfig({ PORT: new URL(app.url).port, ...env });
  await printOperatorLog(config, { limit: 50, ...options }, output);
  return printed.split('\n').slice(0, -1);
}

describe('firstcome log', () => {
  it('prints what changed, the newest first', async () => {
    const lines = await logLines();
    const time = /^(?=.{27} {2}\w)20\d\d-\d\d-\d\dT\S+Z +/;
    for (const line of lines) expect(line).toMatch(time);
    const end = '2999-01-01T00:00:00Z';
    expect(lines.map((line) => line.replace(time, ''))).toEqual([
      `admin       archive_coupon    "SALE \\" "  closes_at ${end} -> none, archived false -> true`,
      'admin       add_stock         "SALE \\" "  amount 5 -> 7, remaining_amount 5 -> 7',
      `admin       create_coupon     "SALE \\" "  amount 5, remaining_amount 5, closes_at ${end}, claims_per_user_max 3`,
    ]);
  });

  it('prints which webhook was created, got a new secret or was deleted, and no secret', async () => {
    const body = { url: 'https://shop.example/', events: ['coupon.opened', 'coupon.closed'] };
    const { id } = (await admin.post('/api/webhooks', body)).json;
    await admin.post(`/api/webhooks/${id}/rotate-secret`, undefined);
    await admin.call({ method: 'DELETE', path: `/api/webhooks/${id}` });
    const lines = await logLines({ limit: 3 });
    const members = 'url "https://shop.example/", events coupon.opened,coupon.closed';
    expect(lines.map((line) => line.slice(line.indexOf('admin')).replace(/ +/g, ' '))).toEqual([
      `admin delete_webhook - webhook_id ${id}, ${members}, secret_count 2`,
      `admin rotate_webhook_secret - webhook_id ${id}, secret_count 1 -> 2`,
      `admin create_webhook - webhook_id ${id}, ${members}, secret_count 1`,
    ]);
  });

  it('prints which saga was retried or resolved, and how', async () => {
    const [id] = await plantSagas(database, 'sagas', 1);
    await database.query(`update sagas set state = 'A', step = 2, is_undoing = true`);
    expect((await admin.post(`/api/sagas/${id}/retry`, undefined)).status).toBe(202);
    await database.query(`update sagas set state = 'A'`);
    const resolution = { as: 'compensated', note: 'paid "back"' };
    expect((await admin.post(`/api/sagas/${id}/resolve`, resolution)).status).toBe(202);
    const lines = await logLines({ limit: 2 });
    const undoing = 'state "needs_attention" -> "compensating"';
    expect(lines.map((line) => line.slice(line.indexOf('admin')).replace(/ +/g, ' '))).toEqual([
      `admin resolve_saga "sagas" saga_id ${id}, ${undoing}, step 2 -> 0, resolved_as none -> "compensated", reason "paid \\"back\\""`,
      `admin retry_saga "sagas" saga_id ${id}, ${undoing}`,
    ]);
  });

  it('quotes the texts of a coupon, so that each entry stays on one line', async () => {
    const name = 'TEXTS';
    const made = { name, amount: 1, title: 'none', description: 'one\ntwo' };
    expect((await admin.post('/api/coupons', made)).status).toBe(201);
    const change = { title: null, pause_reason: 'a "b"' };
    expect((await admin.patch(`/api/coupons/${name}`, change)).status).toBe(200);
    const lines = (await logLines({ limit: 2 })).map((line) => line.slice(line.indexOf('"TEXTS"')));
    expect(lines).toEqual([
      '"TEXTS"  title "none" -> none, pause_reason none -> "a \\"b\\""',
      '"TEXTS"  amount 1, remaining_amount 1, claims_per_user_max 3, title "none", description "one\\ntwo"',
    ]);
  });

  it('prints as many entries as the limit, over several pages, also as JSON', async () => {
    for (let count = 0; count < 5; count += 1) {
      await admin.post('/api/coupons', { name: `more ${count}`, amount: 1 });
    }
    expect(await logLines({ limit: 2 })).toHaveLength(2);
    const { entries } = (await admin.get('/api/operator-log')).json;
    const printed = await logLines({ url: app.url, json: true });
    expect(printed.map((line) => JSON.parse(line))).toEqual(entries);
  });

  it('aligns its columns, whatever the number of digits in a time', async () => {
    const entry = { actor: 'admin', action: 'add_stock', coupon_name: 'a', after: {}, before: {} };
    const times = ['2026-11-22T14:38:53.886006Z', '2026-11-22T14:38:53.8Z', '2026-11-22T14:38:53Z'];
    const entries = times.map((at) => ({ ...entry, at, reason: null }));
    const server = createServer((_request, response) => {
      response.end(JSON.stringify({ entries, next_cursor: null }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const lines = await logLines({ url });
    server.close();
    expect(lines.map((line) => line.lastIndexOf('  admin '))).toEqual([27, 27, 27]);
  });

  it('works with the key of a viewer in place of the admin key', async () => {
    expect(await logLines({ limit: 1 }, { ADMIN_API_KEY: viewerKey })).toHaveLength(1);
  });

  it.each([
    ['the wrong key', { ADMIN_API_KEY: `${key}x` }, {}, 'Set ADMIN_API_KEY to its admin key.'],
    ['no key', {}, {}, 'wants a valid key (401)'],
    ['no service', {}, { url: 'http://127.0.0.1:1' }, 'does not answer'],
    ['a wrong URL', {}, { url: 'ftp://user:secret@host' }, 'must be http://host:port'],
  ])('says what to do with %s', async (_, env, options, message) => {
    const failure = await logLines(options, env as Record<string, string>).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StartError);
    expect((failure as Error).message).toContain(message);
    expect((failure as Error).message).not.toContain('secret');
  });
});
