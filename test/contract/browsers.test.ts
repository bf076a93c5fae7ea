// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { type ContractService, newName, pathOf, useService } from '../support/contract-service.ts';

const shop = 'https://shop.example';

/** Every call that changes something. */
const changes = (coupon: string) =>
  [
    ['POST', '/api/coupons', { name: newName(), amount: 1 }],
    ['POST', '/api/coupons/claim', { user_id: newName(), coupon_name: coupon }],
    ['PATCH', pathOf(coupon), { paused: false }],
    ['POST', pathOf(coupon, 'stock'), { add: 1 }],
  ] as const;

async function expectChangesRefused(
  service: ContractService,
  headers: Record<string, string>,
): Promise<void> {
  const coupon = await service.createCoupon();
  const before = await service.storedCounts();
  for (const [method, path, body] of changes(coupon)) {
    expectProblem(await service.client.call({ method, path, body, headers }), 'cross_origin');
  }
  expect(await service.storedCounts()).toEqual(before);
}

async function expectChangesAccepted(
  service: ContractService,
  headers: Record<string, string>,
): Promise<void> {
  for (const [method, path, body] of changes(await service.createCoupon())) {
    const answer = await service.client.call({ method, path, body, headers });
    expect(answer.status, answer.text).toBeLessThan(300);
  }
}

describe('a request of a browser that changes something', () => {
  const service = useService({ ALLOWED_HOSTS: 'coupons.test, b\u00fccher.test' });

  it('a change from a page of the service itself is accepted', async () => {
    const { port } = service.client;
    for (const origin of [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`]) {
      await expectChangesAccepted(service, { Origin: origin });
    }
    await expectChangesAccepted(service, { Origin: 'https://coupons.test', Host: 'coupons.test' });
    await expectChangesAccepted(service, {
      Origin: `http://localhost:${port}`,
      Host: `localhost:${port}`,
      'Sec-Fetch-Site': 'same-origin',
    });
  });

  it.each([
    ['http://coupons.test', 'coupons.test:80'],
    ['http://coupons.test:80', 'coupons.test'],
    ['https://coupons.test', 'coupons.test:443'],
    ['http://coupons.test', 'COUPONS.test'],
    ['https://Coupons.Test', 'coupons.test'],
    ['http://localhost.', 'localhost.'],
    ['http://[::1]:8080', '[0:0:0:0:0:0:0:1]:8080'],
    ['http://[::1]', '[::1]:80'],
    ['https://xn--bcher-kva.test', 'xn--bcher-kva.test'],
  ])(
    'a change from %s is accepted where the Host is %s, since both are the same origin',
    async (origin, host) => {
      await expectChangesAccepted(service, { Origin: origin, Host: host });
    },
  );

  it.each([
    ['https://coupons.test', 'coupons.test:80'],
    ['http://coupons.test', 'coupons.test:443'],
    ['http://coupons.test:8080', 'coupons.test'],
    ['http://coupons.test', 'coupons.test:8080'],
    ['http://coupons.test.', 'coupons.test'],
    ['http://coupons.test', 'localhost'],
    ['http://[::1]', 'localhost'],
    ['http://localhost', 'localhost.'],
    ['ws://coupons.test', 'coupons.test'],
    ['capacitor://localhost', 'localhost'],
    ['coupons.test', 'coupons.test'],
    ['//coupons.test', 'coupons.test'],
    ['http://', 'coupons.test'],
    ['http:coupons.test', 'coupons.test'],
  ])('a change from %s is refused where the Host is %s', async (origin, host) => {
    await expectChangesRefused(service, { Origin: origin, Host: host });
  });

  it.each([shop, 'null', 'http://127.0.0.1:1'])(
    'a change from %s is accepted when Sec-Fetch-Site is same-origin, as behind a proxy',
    async (origin) => {
      await expectChangesAccepted(service, { Origin: origin, 'Sec-Fetch-Site': 'same-origin' });
    },
  );

  it.each(['same-site', 'none', 'Same-Origin', 'same-origin, cross-site', ''])(
    'a change from another origin is refused when Sec-Fetch-Site is "%s"',
    async (site) => {
      await expectChangesRefused(service, { Origin: shop, 'Sec-Fetch-Site': site });
    },
  );

  it('the refusal of a cross-origin change names CORS_ORIGINS', async () => {
    const body = { name: newName(), amount: 1 };
    const answer = await service.client.post('/api/coupons', body, { Origin: shop });
    expect(answer.json.detail).toContain('CORS_ORIGINS');
    expect(answer.text).not.toContain(shop);
  });

  it('a change from a page of any other origin is refused and changes nothing', async () => {
    const { port } = service.client;
    for (const origin of [
      ...[shop, 'null', '', 'http://127.0.0.1', `http://127.0.0.1:${port + 1}`, 'file://'],
      ...[`http://localhost:${port}`, `http://127.0.0.1:${port}.shop.example`, 'http://'],
      ...[`http://shop.example/127.0.0.1:${port}`, `http://x@127.0.0.1:${port}`],
      ...[`chrome-extension://127.0.0.1:${port}`, `http://127.0.0.1:${port}, ${shop}`],
    ]) {
      await expectChangesRefused(service, { Origin: origin });
    }
  });

  it('a change with Sec-Fetch-Site cross-site is refused, also without an Origin', async () => {
    await expectChangesRefused(service, { 'Sec-Fetch-Site': 'cross-site' });
    await expectChangesRefused(service, {
      'Sec-Fetch-Site': 'cross-site',
      Origin: `http://127.0.0.1:${service.client.port}`,
    });
  });

  it.each(['same-origin', 'same-site', 'none'])(
    'a change without an Origin is accepted when Sec-Fetch-Site is %s',
    async (site) => {
      await expectChangesAccepted(service, { 'Sec-Fetch-Site': site });
    },
  );

  it('a cross-origin change is refused before its body is read, and on unknown paths', async () => {
    const headers = { Origin: shop };
    const { client } = service;
    expectProblem(await client.post('/api/coupons', 'garbage', headers), 'cross_origin');
    expectProblem(await client.post('/nowhere', '{}', headers), 'cross_origin');
    const wrong = { method: 'DELETE', path: '/api/coupons', headers };
    expectProblem(await client.call(wrong), 'cross_origin');
  });

  it('a cross-origin read is answered without CORS headers', async () => {
    const coupon = await service.createCoupon();
    for (const path of [pathOf(coupon), '/api/coupons', '/health']) {
      const headers = { Origin: shop, 'Sec-Fetch-Site': 'cross-site' };
      const answer = await service.client.get(path, headers);
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('a preflight is refused without CORS_ORIGINS', async () => {
    const answer = await service.client.call({
      method: 'OPTIONS',
      path: '/api/coupons/claim',
      headers: { Origin: shop, 'Access-Control-Request-Method': 'POST' },
    });
    expectProblem(answer, 'method_not_allowed');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('a request of a browser to a service with CORS_ORIGINS', () => {
  const other = 'http://localhost:5173';
  const shells = ['capacitor://localhost', 'tauri://localhost', 'capacitor-electron://-'];
  const service = useService({
    CORS_ORIGINS: [shop, other, ...shells, 'IONIC://localhost', 'app://shop:3000'].join(),
    ADMIN_API_KEY: 'admin-key-of-thirty-two-characters!',
  });
  const preflight = (origin: string, method: string) =>
    service.client.call({
      method: 'OPTIONS',
      path: '/api/coupons/claim',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': 'content-type, idempotency-key, authorization',
      },
    });
  const claimFrom = (origin: string, site = 'cross-site') =>
    service.client.post(
      '/api/coupons/claim',
      { user_id: 'ada', coupon_name: 'nothing' },
      { Origin: origin, 'Sec-Fetch-Site': site },
    );

  it.each([shop, other, ...shells, 'ionic://localhost', 'app://shop:3000'])(
    'a preflight from the allowed origin %s succeeds',
    async (origin) => {
      for (const method of ['POST', 'PATCH']) {
        const answer = await preflight(origin, method);
        expect(answer.status).toBe(204);
        expect(answer.headers).toMatchObject({
          'access-control-allow-origin': origin,
          'access-control-allow-methods': expect.stringContaining(method),
          'access-control-allow-headers': expect.stringMatching(/idempotency-key/i),
          vary: expect.stringMatching(/\bOrigin\b/),
          'access-control-max-age': '7200',
        });
        expect(answer.text).toBe('');
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
      }
    },
  );

  it.each([shop, other, ...shells])(
    'a claim from the allowed origin %s is decided, and its page may read the response',
    async (origin) => {
      const answer = await claimFrom(origin);
      expectProblem(answer, 'coupon_not_found');
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      for (const name of ['Idempotency-Replayed', 'Link', 'Location', 'Retry-After']) {
        expect(answer.headers['access-control-expose-headers']).toContain(name);
      }
      const refused = await service.client.get('/api/coupons', { Origin: origin });
      expectProblem(refused, 'unauthorized');
      expect(refused.headers['access-control-allow-origin']).toBe(origin);
    },
  );

  it.each([
    ...['https://evil.example', 'null', 'http://shop.example', 'https://shop.example:8443'],
    ...['https://shop.example.evil.example', 'https://sub.shop.example', 'https://SHOP.example'],
    ...['https://shop.example/', 'capacitor://localhost:80', 'capacitor://evil', 'tauri://'],
    ...['ionic://localhost.evil.example', 'http://tauri.localhost', 'CAPACITOR://localhost'],
  ])('a preflight and a claim from the foreign origin %s are refused', async (origin) => {
    const refused = await preflight(origin, 'POST');
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
    for (const site of ['cross-site', 'same-site']) {
      const answer = await claimFrom(origin, site);
      expectProblem(answer, 'cross_origin');
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it.each([
    ['invalid_request', 'GET', '/api/coupons/100%'],
    ['uri_too_long', 'GET', `/api/coupons/${'x'.repeat(5000)}`],
    ['method_not_allowed', 'OPTIONS', '/api/coupons'],
  ] as const)('an allowed origin may read the error %s to %s', async (code, method, path) => {
    const answer = await service.client.call({ method, path, headers: { Origin: shop } });
    expectProblem(answer, code);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': shop,
      vary: 'Origin',
    });
    const evil = { Origin: 'https://evil.example' };
    const foreign = await service.client.call({ method, path, headers: evil });
    expect(foreign.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('a preflight allows every method of every route and every header that a route reads', async () => {
    const document = (await service.client.get('/openapi.json')).json;
    const methods = Object.values<object>(document.paths).flatMap((item) => Object.keys(item));
    expect(methods).toEqual(expect.arrayContaining(['get', 'post', 'patch']));
    const { headers } = await preflight(shop, 'POST');
    const allowed = String(headers['access-control-allow-methods']).split(', ');
    expect(allowed).toEqual(
      [...new Set(['HEAD', ...methods.map((method) => method.toUpperCase())])].sort(),
    );
    const accepted = String(headers['access-control-allow-headers']).toLowerCase().split(', ');
    expect(accepted).toEqual(
      expect.arrayContaining(['authorization', 'content-type', 'idempotency-key', 'prefer']),
    );
    // The star stands for other headers, such as those that a library adds.
    expect(accepted).toContain('*');
  });

  it('a preflight succeeds without requested headers, and on unknown paths', async () => {
    for (const path of ['/api/coupons', '/nowhere']) {
      const headers = { Origin: shop, 'Access-Control-Request-Method': 'GET' };
      const answer = await service.client.call({ method: 'OPTIONS', path, headers });
      expect(answer.status).toBe(204);
      expect(answer.headers['access-control-allow-origin']).toBe(shop);
      expect(answer.headers['access-control-allow-headers']).toMatch(/idempotency-key/i);
    }
  });

  it.each([
    ['without an Origin', { 'Access-Control-Request-Method': 'POST' }],
    ['without Access-Control-Request-Method', { Origin: shop }],
    ['without both', {}],
  ])(
    'an OPTIONS request %s is no preflight and answered like any other',
    async (_what, headers) => {
      const call = { method: 'OPTIONS', path: '/api/coupons', headers };
      const answer = await service.client.call(call);
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.allow).toBe('GET, HEAD, POST');
      expectProblem(await service.client.call({ ...call, path: '/nowhere' }), 'route_not_found');
    },
  );

  it.each(['GET', 'POST'])(
    'a response names its allowed origin only and varies by Origin: %s',
    async (method) => {
      for (const origin of [shop, 'https://evil.example', undefined]) {
        const headers = origin === undefined ? {} : { Origin: origin };
        const answer = await service.client.call({ method, path: '/api/coupons/x', headers });
        expect(answer.headers.vary).toMatch(/\bOrigin\b/);
        expect(answer.headers['access-control-allow-origin']).toBe(
          origin === shop ? shop : undefined,
        );
      }
    },
  );

  it('a claim from a page of the service itself is decided where CORS_ORIGINS is set', async () => {
    const own = `http://127.0.0.1:${service.client.port}`;
    expectProblem(await claimFrom(own, 'same-origin'), 'coupon_not_found');
  });
});

describe('the Host of a request to a service on loopback', () => {
  const service = useService({ ALLOWED_HOSTS: 'coupons.test, 2001:db8::1' });
  const paths = ['/api/coupons', '/health', '/livez', '/docs', '/openapi.json'];

  it.each([
    ...['localhost', 'localhost:1', 'LOCALHOST', 'LocalHost:65535', '127.0.0.1', '127.0.0.1:80'],
    ...['127.1.2.3', '127.255.255.254:9', '[::1]', '[::1]:8080', 'coupons.test'],
    ...['coupons.test:8443', 'COUPONS.test', '[2001:db8::1]', '[2001:db8::1]:8080'],
    ...['localhost.', 'LOCALHOST.:8080', 'coupons.test.', '127.0.0.1.', 'localhost:'],
    // A browser reads all of these as 127.0.0.1 or ::1.
    ...['127.1', '2130706433', '0x7f000001', '0177.0.0.1', '[0:0:0:0:0:0:0:1]', '[::1%lo]'],
    ...['[::ffff:127.0.0.1]', '[2001:0DB8::0001]'],
  ])('a service on loopback accepts the Host %s', async (host) => {
    for (const path of paths) {
      expect((await service.client.get(path, { Host: host })).status).toBe(200);
    }
  });

  it.each([
    ...['evil.example', 'evil.example:8080', 'localhost.evil.example', 'evil.example.localhost.x'],
    ...['127.0.0.1.evil.example', '127.0.0.1@evil.example', 'xlocalhost', 'localhost@evil.example'],
    ...['0.0.0.0', '[::]', '10.0.0.1', '192.168.0.1:80', '169.254.169.254', '[::2]', '::1', '[::1'],
    ...['128.0.0.1', '27.0.0.1', 'sub.coupons.test', 'coupons.test.evil.example', 'xcoupons.test'],
    ...[
      'service',
      'my_service',
      'host.docker.internal',
      'localhost..',
      '.localhost',
      'a.localhost',
    ],
    ...['128.1', '2147483648', '0x80000000', '0300.0.0.1', '[::ffff:128.0.0.1]', '127.0.0.1.1'],
    ...[
      '127.0.0.256',
      '[fe80::1%eth0]',
      '[::1]x',
      '[::1',
      '%6cocalhost',
      'localhost%2eevil.example',
    ],
    ...['localhost,localhost', 'localhost evil.example', 'localhost?', 'localhost#', 'localhost\\'],
    ...['x:y@localhost', 'coupons.test..', '*', 'l\u00f6calhost'],
    ...[':8080', 'localhost:80:80', 'localhost/', 'localhost:x', '[2001:db8::2]', '2001:db8::1'],
  ])('a service on loopback refuses the Host "%s"', async (host) => {
    const headers = { Host: host };
    for (const path of [...paths, '/nowhere']) {
      expectProblem(await service.client.get(path, headers), 'host_not_allowed');
    }
    const before = await service.storedCounts();
    const body = { name: newName(), amount: 1 };
    expectProblem(await service.client.post('/api/coupons', body, headers), 'host_not_allowed');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('a service on loopback refuses an empty Host', async () => {
    const bytes = await service.client.raw(
      'GET /livez HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n',
    );
    expectProblem(parseAnswer(bytes), 'host_not_allowed');
  });

  it('a Host is required in HTTP/1.1 and optional in HTTP/1.0', async () => {
    const missing = await service.client.raw('GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n');
    expectInvalid(parseAnswer(missing), 'Host');
    const old = await service.client.raw('GET /livez HTTP/1.0\r\n\r\n');
    expect(parseAnswer(old).status).toBe(200);
  });

  it.each([
    ['HTTP/1.1', 'Host: localhost', 'Host: localhost'],
    ['HTTP/1.1', 'Host: localhost', 'X: y', 'hOST: evil.example'],
    ['HTTP/1.1', 'Host: evil.example', 'Host: localhost'],
    ['HTTP/1.1', 'Host:', 'Host: localhost'],
    ['HTTP/1.0', 'Host: localhost', 'Host: localhost'],
  ])('a repeated Host is refused: %s, %s, %s', async (version, ...lines) => {
    const head = [`GET /livez ${version}`, ...lines, 'Connection: close', '', ''];
    const answer = parseAnswer(await service.client.raw(head.join('\r\n')));
    expectInvalid(answer, 'Host');
  });
});
