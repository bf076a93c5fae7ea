// SPDX-License-Identifier: GPL-3.0-or-later
/** The login to the console: a cookie that stands for a key. */
import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { adminKey, adminKeyNext, bearers, claimKey, viewerKey } from '../support/access-keys.ts';
import { type Answer, clientOf } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import {
  ContractService,
  decidesAtOnce,
  newName,
  pathOf,
  until,
  useService,
} from '../support/contract-service.ts';
import { EventClient } from '../support/event-client.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestDatabase } from '../support/test-database.ts';

const path = '/console/session';
const sameOrigin = { 'Sec-Fetch-Site': 'same-origin' };

const cookiesOf = ({ headers }: Answer) => headers['set-cookie'] ?? [];

/** The cookie as a browser sends it back. */
const pairOf = (answer: Answer) => cookiesOf(answer)[0]?.split(';')[0] ?? '';

let addresses = 0;

/** Logs in from an address that no other login of this file has, through the proxy on this machine. */
function logIn(service: ContractService, key: string, headers: Record<string, string> = {}) {
  addresses += 1;
  return service.client.post(
    path,
    { key },
    {
      ...{ 'X-Forwarded-For': `192.0.2.${addresses}`, 'X-Forwarded-Proto': 'https' },
      ...headers,
    },
  );
}

/** The headers of a page with the session of this key. */
async function pageOf(service: ContractService, key: string) {
  const answer = await logIn(service, key);
  expect(answer.status, answer.text).toBe(204);
  return { ...sameOrigin, Cookie: pairOf(answer) };
}

const keys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey, VIEWER_API_KEY: viewerKey };

describe('a session of the console', () => {
  const service = useService({
    ...{
      ...decidesAtOnce,
      ...keys,
      TRUSTED_PROXIES: '127.0.0.1',
      CORS_ORIGINS: 'https://shop.example',
    },
  });
  const change = (coupon: string, headers: Record<string, string>) =>
    service.client.patch(pathOf(coupon), { paused: true }, headers);
  let coupon: string;

  beforeEach(async () => {
    coupon = newName();
    await service.client.post('/api/coupons', { name: coupon, amount: 5 }, bearers.admin);
  });

  it('stands for its key: an operator may change, a viewer only read', async () => {
    const operator = await pageOf(service, adminKey);
    const viewer = await pageOf(service, viewerKey);
    expect((await change(coupon, operator)).status).toBe(200);
    expectProblem(await change(coupon, viewer), 'forbidden');
    expect((await service.client.get('/api/coupons', viewer)).status).toBe(200);
    const { json } = await service.client.get(path, viewer);
    expect(json).toMatchObject({ role: 'viewer', open_access: false });
    expect((await service.client.get(path, operator)).json.role).toBe('operator');
    const hours = (text: string) => (Date.parse(text) - Date.now()) / 3_600_000;
    expect(hours(json.ends_at)).toBeGreaterThan(11.9);
    expect(hours(json.ends_at)).toBeLessThan(12.1);
    expect(hours(json.idle_ends_at)).toBeGreaterThan(0.9);
    expect(hours(json.idle_ends_at)).toBeLessThan(1.1);
    // On a route that needs no key, too.
    expect((await service.client.get(pathOf(coupon), viewer)).json.claimed_by).toEqual([]);
    const log = await service.client.get('/api/operator-log?limit=1', operator);
    expect(log.json.entries[0]).toMatchObject({ action: 'change_coupon', actor: 'admin' });
  });

  it('is a cookie that scripts cannot read, and that no other site and no plain connection gets', async () => {
    const [cookie = ''] = cookiesOf(await logIn(service, adminKey));
    expect(cookie).toMatch(
      /^__Host-firstcome-session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure$/,
    );
    expect(cookie).not.toContain(adminKey);
    const direct = await service.client.post(path, { key: adminKey });
    const loopback =
      /^firstcome-session=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/;
    expect(cookiesOf(direct)[0]).toMatch(loopback);
    const headers = { ...sameOrigin, Cookie: pairOf(direct) };
    expect((await service.client.get('/api/coupons', headers)).status).toBe(200);
  });

  it('is stored as hashes only', async () => {
    const { Cookie: cookie } = await pageOf(service, adminKey);
    const id = cookie.split('=')[1] ?? '';
    const rows = await service.database.query<{ row: string; hash: string }>(
      `select s::text as row, encode(id_hash, 'hex') as hash from console_sessions s`,
    );
    const hash = createHash('sha256').update(id).digest('hex');
    expect(rows.filter((row) => row.hash === hash)).toHaveLength(1);
    const plain = createHash('sha256').update(adminKey).digest('hex');
    for (const { row } of rows)
      for (const text of [id, adminKey, plain]) expect(row).not.toContain(text);
  });

  it.each([
    ['another site', { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' }],
    [
      'an origin in CORS_ORIGINS',
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://shop.example' },
    ],
    ['another host of the same site', { 'Sec-Fetch-Site': 'same-site' }],
    ['the address bar', { 'Sec-Fetch-Site': 'none' }],
    ['a browser that does not say it', {}],
  ])('is refused from %s, in reads and changes', async (_, from) => {
    const { Cookie } = await pageOf(service, adminKey);
    expectProblem(await change(coupon, { Cookie, ...from }), 'cross_origin');
    expectProblem(await service.client.get('/api/coupons', { Cookie, ...from }), 'cross_origin');
    const claim = { user_id: 'ada', coupon_name: coupon };
    expectProblem(
      await service.client.post('/api/coupons/claim', claim, { Cookie, ...from }),
      'cross_origin',
    );
    expectProblem(
      await service.client.call({ method: 'DELETE', path, headers: { Cookie, ...from } }),
      'cross_origin',
    );
    expect((await service.client.get(pathOf(coupon), bearers.admin)).json.paused).toBe(false);
  });

  it('gives way to an Authorization header, whatever that is', async () => {
    const page = await pageOf(service, adminKey);
    expectProblem(await change(coupon, { ...page, ...bearers.viewer }), 'forbidden');
    expectProblem(await change(coupon, { ...page, ...bearers.wrong }), 'unauthorized');
    const { Cookie } = page;
    expect((await change(coupon, { Cookie, ...bearers.admin })).status).toBe(200);
  });

  it('ends with a logout, on this node at once, and on the others when they read it next', async () => {
    const page = await pageOf(service, adminKey);
    await service.withAnother({ ...decidesAtOnce, ...keys }, async (other) => {
      expect((await other.client.get('/api/coupons', page)).status).toBe(200);
      const answer = await service.client.call({ method: 'DELETE', path, headers: page });
      expect(answer.status).toBe(204);
      for (const cookie of cookiesOf(answer))
        expect(cookie).toMatch(/-session=; Path=\/; Max-Age=0; /);
      expectProblem(await service.client.get('/api/coupons', page), 'unauthorized');
      expectProblem(await service.client.get(path, page), 'unauthorized');
    });
    const again = await service.client.call({ method: 'DELETE', path, headers: page });
    expect(again.status).toBe(204);
  });

  it.each([
    ['an hour without a request', `used_at = now() - interval '3601 seconds'`],
    ['12 hours in all', `created_at = now() - interval '43201 seconds'`],
  ])('ends after %s', async (_, sql) => {
    const page = await pageOf(service, adminKey);
    await service.database.query(`update console_sessions set ${sql}`);
    expectProblem(await service.client.get('/api/coupons', page), 'unauthorized');
    // The next login deletes it.
    await pageOf(service, adminKey);
    expect(await service.database.query('select from console_sessions')).toHaveLength(1);
  });

  it('costs no read of the database for each request', async () => {
    const page = await pageOf(service, adminKey);
    expect((await service.client.get(path, page)).status).toBe(200);
    await service.database.query('truncate console_sessions');
    expect((await service.client.get(path, page)).status).toBe(200);
  });

  it('is not opened by what is no admin or viewer key', async () => {
    expectProblem(await logIn(service, 'wrong'), 'unauthorized');
    expectProblem(await logIn(service, claimKey), 'forbidden');
    expectInvalid(await service.client.post(path, {}), 'key');
    expectInvalid(await service.client.post(path, { key: adminKey, more: 1 }), 'more');
    for (const cookie of ['firstcome-session=x', `firstcome-session=${'a'.repeat(43)}`, 'a=b']) {
      const answer = await service.client.get('/api/coupons', { ...sameOrigin, Cookie: cookie });
      expectProblem(answer, 'unauthorized');
    }
  });

  it('is not opened for a page of another origin', async () => {
    const from = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://shop.example' };
    expectProblem(await logIn(service, adminKey, from), 'cross_origin');
    expectProblem(
      await logIn(service, adminKey, { Origin: 'https://shop.example' }),
      'cross_origin',
    );
    expect((await logIn(service, adminKey, sameOrigin)).status).toBe(204);
  });

  it('is not opened over plain HTTP but on loopback, and the refusal says what to do', async () => {
    const insecure = [
      { 'X-Forwarded-Proto': 'http' },
      { 'X-Forwarded-Proto': 'https, http' },
      { 'X-Forwarded-Proto': undefined as unknown as string },
    ];
    for (const headers of insecure) {
      const answer = await logIn(service, adminKey, headers);
      expectProblem(answer, 'forbidden');
      expect(answer.json.detail).toMatch(/HTTPS.*TRUSTED_PROXIES.*tunnel/);
      expect(cookiesOf(answer)).toEqual([]);
    }
  });

  it('is refused after ten attempts of an address in a minute, with the right key too', async () => {
    const from = { 'X-Forwarded-For': '198.51.100.7' };
    for (let n = 0; n < 10; n += 1)
      expectProblem(await logIn(service, 'wrong', from), 'unauthorized');
    const answer = await logIn(service, adminKey, from);
    expectProblem(answer, 'rate_limited');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await logIn(service, adminKey)).status).toBe(204);
  });
});

describe('a login without trusted proxies', () => {
  const service = useService({ ...decidesAtOnce, ...keys, ALLOWED_HOSTS: 'shop.example' });

  it('does not believe X-Forwarded-Proto, nor a request that a proxy has passed on', async () => {
    for (const headers of [
      { 'X-Forwarded-Proto': 'https' },
      { 'X-Forwarded-For': '192.0.2.1' },
      { Via: '1.1 proxy' },
      { Host: 'shop.example' },
    ] as Record<string, string>[]) {
      expectProblem(await service.client.post(path, { key: adminKey }, headers), 'forbidden');
    }
    expect((await service.client.post(path, { key: adminKey })).status).toBe(204);
  });
});

describe('a service without an admin key', () => {
  const service = useService(decidesAtOnce);

  it('says that every caller is an operator, and needs no login', async () => {
    expect((await service.client.get(path)).json).toEqual({
      ...{ role: 'operator', open_access: true, ends_at: null, idle_ends_at: null },
    });
    const answer = await service.client.post(path, { key: 'any' });
    expect([answer.status, cookiesOf(answer)]).toEqual([204, []]);
  });
});

describe('a session whose key changes', () => {
  const service = new ContractService();
  let folder: string;
  const fileOf = (name: string) => join(folder, name);

  const write = async (name: string, key: string) => {
    await writeFile(fileOf(`${name}.new`), key);
    await rename(fileOf(`${name}.new`), fileOf(name));
  };

  beforeAll(async () => {
    folder = await createTemporaryFolder('console-keys');
    await write('admin', adminKey);
    await write('next', adminKeyNext);
    service.database = await createTestDatabase();
    await service.start({
      ...decidesAtOnce,
      ...{ ADMIN_API_KEY_FILE: fileOf('admin'), ADMIN_API_KEY_NEXT_FILE: fileOf('next') },
    });
  });

  afterAll(async () => {
    await service.stop();
    await service.database?.drop();
    await removeTemporaryFolder(folder);
  });

  it('goes on while its key moves from next to first, and ends when the key is gone', async () => {
    const headersOf = async (key: string) => {
      const answer = await service.client.post(path, { key });
      expect(answer.status, answer.text).toBe(204);
      return { ...sameOrigin, Cookie: pairOf(answer) };
    };
    const [old, next] = [await headersOf(adminKey), await headersOf(adminKeyNext)];
    const status = async (headers: object) =>
      (await service.client.get('/api/coupons', headers as Record<string, string>)).status;
    expect([await status(old), await status(next)]).toEqual([200, 200]);
    await write('admin', adminKeyNext);
    await until(
      () => status(old),
      (now) => now === 401,
    );
    expect(await status(next)).toBe(200);
    // Nor does a key that comes back bring back its sessions.
    await write('admin', adminKey);
    await until(
      async () => (await service.client.get('/api/coupons', bearers.admin)).status,
      (now) => now === 200,
    );
    expect([await status(old), await status(next)]).toEqual([401, 200]);
  });
});

it('a stream is opened with a session, and from pages of the service only', async () => {
  const service = new ContractService();
  service.database = await createTestDatabase();
  try {
    await service.start({ ...decidesAtOnce, ...keys });
    const client = clientOf(service.client.url, bearers.admin);
    await client.post('/api/coupons', { name: 'LIVE', amount: 1 });
    client.close();
    const login = await service.client.post(path, { key: viewerKey });
    const Cookie = pairOf(login);
    const refused = await EventClient.open(service.client.url, '/api/coupons/LIVE/outcomes', {
      ...{ Cookie },
    });
    expect(refused.status).toBe(403);
    const stream = await EventClient.open(service.client.url, '/api/coupons/LIVE/outcomes', {
      ...{ ...sameOrigin, Cookie },
    });
    expect(stream.status).toBe(200);
    stream.close();
    refused.close();
  } finally {
    await service.stop();
    await service.database.drop();
  }
});
