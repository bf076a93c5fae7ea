// SPDX-License-Identifier: GPL-3.0-or-later
/** Rate limits: what counts for each of them, what a client reads, and what a refused request uses up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Answer, clientOf } from '../support/contract-client.ts';
import { expectProblem, retryAfterOf } from '../support/contract-problems.ts';
import { newName, pathOf, until, useService } from '../support/contract-service.ts';
import { acceptTokens, newSigningKey, signToken, toKeySet } from '../support/user-tokens.ts';

const adminKey = 'the-key-of-the-administrator-of-the-shop';
const claimKey = 'the-key-of-the-backend-that-claims-units';
const viewerKey = 'the-key-of-the-dashboard-of-the-operators';
const keys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey, VIEWER_API_KEY: viewerKey };
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
const from = (address: string) => ({ 'X-Forwarded-For': address });

let addressCount = 0;

/** An address that no other test uses. */
function newAddress(): string {
  addressCount += 1;
  return `192.0.2.${addressCount}`;
}

async function statuses(count: number, send: () => Promise<Answer>): Promise<number[]> {
  const found: number[] = [];
  for (let number = 0; number < count; number += 1) found.push((await send()).status);
  return found;
}

/** What `RateLimit` says of a limit. */
function leftOf(answer: Answer, limit: string): { remaining: number; reset: number } | undefined {
  for (const item of String(answer.headers.ratelimit).split(', ')) {
    const [, name, remaining, reset] = /^"(\w+)";r=(\d+);t=(\d+)$/.exec(item) ?? [];
    if (name === limit) return { remaining: Number(remaining), reset: Number(reset) };
  }
  return undefined;
}

describe('a limit of an address', () => {
  const service = useService({
    ...keys,
    ...{ RATE_LIMIT_PER_IP: '3/1h', TRUSTED_PROXIES: '127.0.0.1, 198.51.100.0/24' },
  });
  const read = (address: string) => service.client.get('/api/coupons/none', from(address));

  it('allows as many requests as the setting says, and refuses more of this address only', async () => {
    const [one, other] = [newAddress(), newAddress()];
    expect(await statuses(3, () => read(one))).toEqual([404, 404, 404]);
    expectProblem(await read(one), 'rate_limited');
    expect((await read(other)).status).toBe(404);
  });

  it('says on every response what is left, and on a refusal when the window ends', async () => {
    const address = newAddress();
    for (const remaining of [2, 1, 0, 0]) {
      const answer = await read(address);
      expect(answer.headers['ratelimit-policy']).toBe('"ip";q=3;w=3600');
      const left = leftOf(answer, 'ip');
      expect(left?.remaining).toBe(remaining);
      expect(left?.reset).toBeGreaterThan(3400);
      expect(left?.reset).toBeLessThanOrEqual(3600);
      if (answer.status === 429) expect(retryAfterOf(answer)).toBe(left?.reset);
      else expect(answer.headers).not.toHaveProperty('retry-after');
    }
  });

  it('follows X-Forwarded-For from its end to the first address that is no trusted proxy', async () => {
    const address = newAddress();
    const written = [
      address,
      `203.0.113.77, ${address}`,
      `127.0.0.1,${address},198.51.100.7 , 127.0.0.1`,
      `unknown, ${address}, 198.51.100.8`,
      `${address}:4711`,
    ];
    const found: number[] = [];
    for (const header of written) found.push((await read(header)).status);
    expect(found).toEqual([404, 404, 404, 429, 429]);
  });

  it('counts a text that is no address as the proxy that has sent it', async () => {
    const found = await statuses(2, () => read('none-of-your-business, 198.51.100.99'));
    const more = await statuses(2, () => read("'; drop table claims --, 198.51.100.99"));
    expect([...found, ...more]).toEqual([404, 404, 404, 429]);
  });

  it('counts the IPv6 addresses of one /64 together, and one that holds an IPv4 address as that', async () => {
    const ipv6 = ['2001:db8:5:6::1', '2001:DB8:5:6:ffff:ffff:ffff:ffff', '2001:db8:5:6:1:2:3:4'];
    for (const address of ipv6) expect((await read(address)).status).toBe(404);
    expect((await read('2001:0db8:0005:0006::ffff')).status).toBe(429);
    expect((await read('2001:db8:5:7::1')).status).toBe(404);

    const address = newAddress();
    expect(await statuses(2, () => read(`::ffff:${address}`))).toEqual([404, 404]);
    expect(await statuses(2, () => read(address))).toEqual([404, 429]);
  });

  it('counts requests without a valid key too', async () => {
    const address = newAddress();
    const guess = () =>
      service.client.post('/api/coupons', {}, { ...from(address), ...bearer('a-guess') });
    expect(await statuses(4, guess)).toEqual([401, 401, 401, 429]);
    const { status } = await service.client.get('/api/coupons', {
      ...from(address),
      ...bearer(adminKey),
    });
    expect(status).toBe(429);
  });

  it('counts invalid requests, and a HEAD request once', async () => {
    const address = newAddress();
    const headers = { ...from(address), ...bearer(adminKey) };
    expect((await service.client.post('/api/coupons', 'no JSON', headers)).status).toBe(400);
    const head = () => service.client.call({ method: 'HEAD', path: '/api/coupons', headers });
    expect(await statuses(3, head)).toEqual([200, 200, 429]);
  });

  it('never limits health, metrics, the documentation and paths that do not exist', async () => {
    const address = newAddress();
    await statuses(4, () => read(address));
    const headers = { ...from(address), ...bearer(viewerKey) };
    for (const path of ['/health', '/api/health', '/readyz', '/livez', '/metrics', '/docs/']) {
      const answer = await service.client.get(path, headers);
      expect(`${path} ${answer.status}`).toBe(`${path} 200`);
      expect(answer.headers).not.toHaveProperty('ratelimit-policy');
    }
    expect((await service.client.get('/openapi.json', headers)).status).toBe(200);
    expect((await service.client.get('/api/nothing', headers)).status).toBe(404);
  });

  it('refuses a claim before its body is read, stores nothing, and counts it', async () => {
    const address = newAddress();
    await statuses(3, () => read(address));
    const before = await service.storedCounts();
    const claim = { user_id: 'ada', coupon_name: 'x'.repeat(1024 * 1024) };
    const headers = { ...from(address), ...bearer(claimKey) };
    expectProblem(await service.client.post('/api/coupons/claim', claim, headers), 'rate_limited');
    expect(await service.storedCounts()).toEqual(before);
    const { text } = await service.client.get('/metrics', bearer(viewerKey));
    expect(text).toContain('firstcome_claims_total{outcome="rate_limited"} 1\n');
    expect(text).toMatch(/^firstcome_rate_limited_total\{limit="ip"\} [1-9]/m);
    expect(text).toContain('firstcome_rate_limited_total{limit="user"} 0\n');
  });
});

describe('a limit of an address without proxies', () => {
  const service = useService({ RATE_LIMIT_PER_IP: '2/1h', TRUSTED_PROXIES: 'none' });

  it('does not read X-Forwarded-For', async () => {
    const read = () => service.client.get('/api/coupons/none', from(newAddress()));
    expect(await statuses(3, read)).toEqual([404, 404, 429]);
  });
});

describe('the window of a limit', () => {
  const service = useService({ RATE_LIMIT_ALL: '1/1s' });

  it('ends, and the next one has room again', async () => {
    const read = () => service.client.get('/api/coupons/none');
    const refused = await until(read, ({ status }) => status === 429);
    expect(retryAfterOf(refused)).toBe(1);
    expect((await until(read, ({ status }) => status !== 429)).status).toBe(404);
  });
});

describe('a limit of a key', () => {
  const next = 'the-next-key-of-the-backend-that-claims';
  const service = useService({ ...keys, CLAIM_API_KEY_NEXT: next, RATE_LIMIT_PER_KEY: '3/1h' });

  it('counts a key and the next key together, on calls that need no key too, and not other keys', async () => {
    const read = (headers: Record<string, string>) =>
      service.client.get('/api/coupons/none', headers);
    expect((await read(bearer(claimKey))).status).toBe(404);
    expect(
      (await service.client.get('/api/coupons/none/claims/ada', bearer(claimKey))).status,
    ).toBe(404);
    expect((await read(bearer(next))).status).toBe(404);
    expectProblem(await read(bearer(next)), 'rate_limited');
    expectProblem(
      await service.client.post('/api/coupons/claim', {}, bearer(claimKey)),
      'rate_limited',
    );
    expect((await read(bearer(viewerKey))).status).toBe(404);
    expect(await statuses(5, () => read({}))).toEqual([404, 404, 404, 404, 404]);
    expect(await statuses(5, () => read(bearer('a-guess')))).toEqual([404, 404, 404, 404, 404]);
  });
});

describe('a limit of a user', () => {
  const service = useService({
    ...keys,
    ...{ RATE_LIMIT_PER_USER: '3/1h', RATE_LIMIT_PER_KEY: '100/1h', RATE_LIMIT_ALL: '100/1h' },
  });
  const withKey = (key: string) => clientOf(service.client.url, bearer(key));

  it('counts claims, reads and changes of one user together, and not those of others', async () => {
    const coupon = newName();
    const [admin, backend] = [withKey(adminKey), withKey(claimKey)];
    expect((await admin.post('/api/coupons', { name: coupon, amount: 9 })).status).toBe(201);
    expect((await backend.claim('ada', coupon)).status).toBe(200);
    expect((await backend.get(pathOf(coupon, 'claims', 'ada'))).status).toBe(200);
    const change = `${pathOf(coupon, 'claims', 'ada')}/redeem`;
    expect((await backend.post(change, {})).status).toBe(200);
    for (const refused of [
      await backend.claim('ada', coupon),
      await backend.get(pathOf(coupon, 'claims', 'ada')),
      await backend.post(change, {}),
    ]) {
      expectProblem(refused, 'rate_limited');
      expect(refused.json.detail).toBe('too many requests for this user');
      expect(leftOf(refused, 'user')?.remaining).toBe(0);
    }
    expect((await backend.claim('eve', coupon)).status).toBe(200);
  });

  it('counts no calls of operators, and none that name no user', async () => {
    const admin = withKey(adminKey);
    const path = pathOf('none', 'claims', 'grace');
    expect(await statuses(4, () => admin.get(path))).toEqual([404, 404, 404, 404]);
    const viewer = withKey(viewerKey);
    expect(await statuses(4, () => viewer.get(path))).toEqual([404, 404, 404, 404]);
    const backend = withKey(claimKey);
    expect(await statuses(4, () => backend.get('/api/coupons/none'))).toEqual([404, 404, 404, 404]);
    expect(leftOf(await backend.get(path), 'user')?.remaining).toBe(2);
  });

  it('uses up no other limit once it refuses', async () => {
    const backend = withKey(claimKey);
    const claim = () => backend.claim('joan', 'none');
    expect(await statuses(3, claim)).toEqual([404, 404, 404]);
    const left = async () => {
      const answer = await backend.claim(newName('user'), 'none');
      expect(answer.headers['ratelimit-policy']).toBe(
        '"key";q=100;w=3600, "user";q=3;w=3600, "all";q=100;w=3600',
      );
      return [leftOf(answer, 'key')?.remaining ?? 0, leftOf(answer, 'all')?.remaining ?? 0];
    };
    const [key = 0, all = 0] = await left();
    expect(await statuses(10, claim)).toEqual(Array.from({ length: 10 }, () => 429));
    expect(await left()).toEqual([key - 1, all - 1]);
  });
});

describe('a limit of a user with tokens', () => {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-limits-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const signingKey = newSigningKey('EdDSA', 'ed-1');
  const service = useService({
    ...{ ...keys, RATE_LIMIT_PER_USER: '3/1h', RATE_LIMIT_PER_KEY: '1/1h' },
    ...acceptTokens(folder, toKeySet([signingKey])),
  });
  const clientFor = async (sub: string) =>
    clientOf(service.client.url, bearer(await signToken(signingKey, { sub })));

  it('counts what the user of the token sends, whatever the request names, and no limit of a key', async () => {
    const ada = await clientFor('ada');
    expect((await ada.get(pathOf('none', 'claims', 'ada'))).status).toBe(404);
    expect((await ada.post('/api/coupons/claim', { coupon_name: 'none' })).status).toBe(404);
    expect((await ada.claim('eve', 'none')).status).toBe(403);
    expectProblem(await ada.claim('eve', 'none'), 'rate_limited');
    expect((await (await clientFor('eve')).claim('eve', 'none')).status).toBe(404);
  });

  it('counts the requests of a user with tokens and with the claim key together', async () => {
    const joan = await clientFor('joan');
    expect(await statuses(2, () => joan.claim('joan', 'none'))).toEqual([404, 404]);
    const backend = clientOf(service.client.url, bearer(claimKey));
    expect((await backend.claim('joan', 'none')).status).toBe(404);
    expectProblem(await joan.claim('joan', 'none'), 'rate_limited');
  });
});

describe('a limit of a user where anybody may claim', () => {
  const service = useService({ RATE_LIMIT_PER_USER: '1/1h' });

  it('has no effect, since anybody could lock out a user by name', async () => {
    const claim = () => service.client.claim('ada', 'none');
    expect(await statuses(3, claim)).toEqual([404, 404, 404]);
  });
});

describe('a limit of all callers', () => {
  const service = useService({
    ...keys,
    RATE_LIMIT_ALL: '4/1h',
    CORS_ORIGINS: 'https://shop.example',
  });

  it('counts requests of all callers together, but none that is refused for its key', async () => {
    const guess = () => service.client.get('/api/coupons', bearer('a-guess'));
    expect(await statuses(6, guess)).toEqual([401, 401, 401, 401, 401, 401]);
    const found: number[] = [];
    for (const key of [adminKey, claimKey, viewerKey, 'a-guess', adminKey]) {
      found.push((await service.client.get('/api/coupons/none', bearer(key))).status);
    }
    expect(found).toEqual([404, 404, 404, 404, 429]);
    const answer = await service.client.get('/api/coupons/none', {
      Origin: 'https://shop.example',
    });
    expectProblem(answer, 'rate_limited');
    const exposed = String(answer.headers['access-control-expose-headers']).split(', ');
    expect(exposed).toEqual(
      expect.arrayContaining(['RateLimit', 'RateLimit-Policy', 'Retry-After']),
    );
  });
});

describe('a service without rate limits', () => {
  const service = useService();

  it('refuses nothing and sends no field of rate limits', async () => {
    const { headers } = await service.client.get('/api/coupons/none');
    expect(Object.keys(headers).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
  });
});
