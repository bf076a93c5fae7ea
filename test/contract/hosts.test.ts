// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, pathOf, useService } from '../support/contract-service.ts';

const healthPaths = ['/health', '/api/health', '/readyz', '/livez', '/api/../health'];
const otherPaths = ['/api/coupons', '/metrics', '/docs', '/console', '/openapi.json', '/nowhere'];

/** Sends a request whose target is a full URL. */
async function sendAbsolute(
  { client }: ContractService,
  target: string,
  { host, version = '1.1' }: { host?: string; version?: string },
) {
  const lines = [`GET ${target} HTTP/${version}`, ...(host === undefined ? [] : [`Host: ${host}`])];
  const head = [...lines, 'Connection: close', '', ''].join('\r\n');
  return parseAnswer(await client.raw(head));
}

async function expectRefused(service: ContractService, host: string): Promise<void> {
  const headers = { Host: host };
  const coupon = await service.createCoupon();
  const before = await service.storedCounts();
  for (const [method, path, body] of [
    ...otherPaths.map((one) => ['GET', one, undefined] as const),
    ['POST', '/api/coupons', { name: newName(), amount: 1 }],
    ['POST', '/api/coupons/claim', { user_id: 'ada', coupon_name: coupon }],
    ['POST', pathOf(coupon, 'stock'), { add: 1 }],
    ['PATCH', pathOf(coupon), { paused: true }],
    ['GET', pathOf(coupon), undefined],
    ['GET', pathOf(coupon, 'claims'), undefined],
    ['OPTIONS', '/api/coupons', undefined],
    ['DELETE', '/health', undefined],
  ] as const) {
    const answer = await service.client.call({ method, path, body, headers });
    expectProblem(answer, 'host_not_allowed');
    expect(answer.json.detail).toContain('ALLOWED_HOSTS');
  }
  expect(await service.storedCounts()).toEqual(before);
}

describe('a service without an admin key, on an address that others can reach', () => {
  const service = useService({
    HOST: '0.0.0.0',
    ALLOW_ANONYMOUS_ADMIN: 'true',
    ALLOWED_HOSTS: 'coupons.test, b\u00fccher.test, dotted.test.',
  });

  it.each([
    ...['localhost', 'LocalHost:8080', 'localhost.', '127.0.0.1', '127.9.9.9:1', '[::1]:8080'],
    ...['10.0.0.1:80', '192.168.0.1', '203.0.113.7:8080', '0.0.0.0', '169.254.169.254'],
    ...['[2001:db8::1]', '[fe80::1%eth0]:8080', '[fe80::1%25eth0]', '[::ffff:10.0.0.1]'],
    // A browser reads these as addresses.
    ...['2130706433', '0x0a000001', '012.0.0.1', '10.1', '10.0.0.1.'],
    ...['service', 'service:8080', 'my_service-2', 'SERVICE', 'xn--bcher-kva', '123456789012'],
    ...['host.docker.internal', 'HOST.docker.internal:8080', 'host.docker.internal.'],
    ...['coupons.test', 'Coupons.Test:8443', 'coupons.test.', 'xn--bcher-kva.test', 'dotted.test'],
  ])('a service that needs no admin key answers to the Host %s', async (host) => {
    const headers = { Host: host };
    for (const path of ['/api/coupons', ...healthPaths, '/docs']) {
      expect((await service.client.get(path, headers)).status).toBe(200);
    }
    const body = { name: newName(), amount: 1 };
    expect((await service.client.post('/api/coupons', body, headers)).status).toBe(201);
  });

  it.each([
    ...['evil.example', 'evil.example:8080', 'evil.example.', 'EVIL.example', 'evil.', 'evil..'],
    ...['localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1.nip.example', 'a.localhost'],
    ...['1.2.3.4.5', '10.0.0.256', 'evil.1', '10.0.0.1:80:80', '[2001:db8::1', '2001:db8::1'],
    ...['[evil.example]', '[::1]evil.example', '[]', '[v1.x]', '[::1%]', '[::1%evil/]'],
    ...['evil@10.0.0.1', 'evil:x@service', 'service/', 'service,evil', 'service evil', 'service?'],
    ...['evil%2eexample', '%65vil', 'b\u00fccher', 'evil\u00e3\u0080\u0082example', '*', ':8080'],
    ...['sub.coupons.test', 'coupons.test.evil.example', 'xcoupons.test', 'docker.internal'],
    ...['host.docker.internal.evil.example', 'x.host.docker.internal', 'service:x'],
  ])(
    'a service that needs no admin key refuses the Host "%s" on all but health routes',
    async (host) => {
      await expectRefused(service, host);
      for (const path of [...healthPaths, '/health?full']) {
        expect((await service.client.get(path, { Host: host })).status).toBe(200);
        const head = { method: 'HEAD', path, headers: { Host: host } };
        expect((await service.client.call(head)).status).toBe(200);
      }
    },
  );

  it('a service that needs no admin key refuses an empty Host', async () => {
    const bytes = 'GET /api/coupons HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n';
    expectProblem(parseAnswer(await service.client.raw(bytes)), 'host_not_allowed');
  });

  it('HTTP/1.0 without a Host is answered, since no browser sends it', async () => {
    const bytes = 'GET /api/coupons HTTP/1.0\r\n\r\n';
    expect(parseAnswer(await service.client.raw(bytes)).status).toBe(200);
  });

  it('the refusal of a Host names both settings that would allow it', async () => {
    const { json } = await service.client.get('/api/coupons', { Host: 'evil.example' });
    expect(json.detail).toContain('ADMIN_API_KEY');
    expect(json.detail).not.toContain('evil');
  });

  it('the host in a target that is a full URL counts like the Host header', async () => {
    const path = '/api/coupons';
    for (const [target, host, status] of [
      [`http://service${path}`, 'localhost', 200],
      [`http://10.0.0.1:8080${path}`, 'localhost', 200],
      [`http://evil.example${path}`, 'localhost', 403],
      [`http://service${path}`, 'evil.example', 403],
      [`HTTP://evil.example:80${path}`, 'evil.example:80', 403],
      [`https://evil.example${path}`, 'localhost', 403],
      [`http://service@evil.example${path}`, 'localhost', 403],
      [`http://evil@service${path}`, 'localhost', 403],
      ['http://evil.example/livez', 'evil.example', 200],
    ] as const) {
      const answer = await sendAbsolute(service, target, { host });
      expect(`${target} ${host} ${answer.status}`).toBe(`${target} ${host} ${status}`);
      if (status === 403) expectProblem(answer, 'host_not_allowed');
    }
    const old = { version: '1.0' };
    expectProblem(
      await sendAbsolute(service, `http://evil.example${path}`, old),
      'host_not_allowed',
    );
    expect((await sendAbsolute(service, `http://service${path}`, old)).status).toBe(200);
  });
});

describe('a service that needs a key for administration', () => {
  const ADMIN_API_KEY = 'admin-key-of-thirty-two-characters!';

  describe('on an address that others can reach', () => {
    const service = useService({ HOST: '0.0.0.0', ADMIN_API_KEY, ALLOW_ANONYMOUS_ADMIN: 'true' });

    it.each(['coupons.test', 'evil.example:80', '10.0.0.1', '', 'a.b.c.'])(
      'a service that needs an admin key answers to any Host, such as "%s"',
      async (host) => {
        const headers = { Host: host, Authorization: `Bearer ${ADMIN_API_KEY}` };
        expect((await service.client.get('/api/coupons', headers)).status).toBe(200);
        expect((await service.client.get('/livez', headers)).status).toBe(200);
      },
    );

    it('a service that needs an admin key answers to any host in a target that is a full URL', async () => {
      const answer = await sendAbsolute(service, 'http://evil.example/livez', { host: 'other' });
      expect(answer.status).toBe(200);
    });
  });

  describe('on loopback', () => {
    const service = useService({ ADMIN_API_KEY, ALLOWED_HOSTS: 'coupons.test' });

    it.each(['evil.example', 'service', '10.0.0.1', 'host.docker.internal'])(
      'a service on loopback answers only to loopback and ALLOWED_HOSTS, not to %s',
      async (host) => {
        const headers = { Host: host, Authorization: `Bearer ${ADMIN_API_KEY}` };
        for (const path of [...healthPaths, ...otherPaths]) {
          const answer = await service.client.get(path, headers);
          expectProblem(answer, 'host_not_allowed');
          expect(answer.json.detail).toContain('ALLOWED_HOSTS');
        }
      },
    );

    it('on loopback the host in a target that is a full URL counts like the Host header', async () => {
      for (const target of ['http://evil.example/livez', 'http://service/livez']) {
        const answer = await sendAbsolute(service, target, { host: 'localhost' });
        expectProblem(answer, 'host_not_allowed');
      }
      const answer = await sendAbsolute(service, 'http://coupons.test/livez', { host: '[::1]' });
      expect(answer.status).toBe(200);
    });
  });
});
