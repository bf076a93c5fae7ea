// SPDX-License-Identifier: GPL-3.0-or-later
import { METHODS } from 'node:http';
import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

const routes = [
  ['/api/coupons', 'GET, HEAD, POST'],
  ['/api/coupons/claim', 'GET, HEAD, PATCH, POST'],
  ['/api/coupons/some', 'GET, HEAD, PATCH'],
  ['/api/coupons/so%2Fme', 'GET, HEAD, PATCH'],
  ['/api/coupons/some/stock', 'POST'],
  ['/api/coupons/some/claims', 'GET, HEAD'],
  ['/api/coupons/some/claims/ada', 'GET, HEAD'],
  ['/health', 'GET, HEAD'],
  ['/api/health', 'GET, HEAD'],
  ['/readyz', 'GET, HEAD'],
  ['/livez', 'GET, HEAD'],
  ['/metrics', 'GET, HEAD'],
  ['/openapi.json', 'GET, HEAD'],
  ['/docs', 'GET, HEAD'],
  ['/docs/', 'GET, HEAD'],
  ['/docs/static/swagger-ui.css', 'GET, HEAD'],
  ['/console', 'GET, HEAD'],
  ['/console/sale', 'GET, HEAD'],
] as const;

// CONNECT requests a tunnel and never becomes a request.
const methods = METHODS.filter((method) => method !== 'CONNECT');

describe('a path', () => {
  const service = useService();

  /** Creates the coupon unless an earlier test has done so. */
  async function aCouponNamed(name: string): Promise<void> {
    const { status } = await service.client.post('/api/coupons', { name, amount: 5 });
    expect([201, 409]).toContain(status);
  }

  it.each([
    ...['/', '/api', '/api/', '/coupons', '/api/coupon', '/api/couponss', '/API/coupons'],
    ...['/api/coupons/a/', '/api/coupons/a/stock/'],
    ...['/api/coupons/a/claim', '/api/coupons/a/claims/b/c'],
    ...['//api/coupons', '/api//coupons', '/./api/coupons', '/api/./coupons', '/api/x/../coupons'],
    ...[
      '/health/',
      '/Health',
      '/api/health/',
      '/api/../health/',
      '/api/../health?x',
      '/api/../livez',
    ],
    ...['/api/%2e%2e/health', '/x/../health', '/health/../health', '/..', '/.env', '/admin', '*'],
    ...['/docs/static/nothing.js', '/docs/../openapi.json', '/openapi', '/swagger', '/v1/coupons'],
  ])('the path %s is unknown', async (path) => {
    expectProblem(await service.client.get(path), 'route_not_found');
  });

  // Most clients would resolve such a path first, so this client does not normalise it.
  it.each([
    ...['/api/coupons/', '/api/coupons/?limit=1', '/api/coupons//', '/api/coupons//claims'],
    ...['/api/coupons//claims/ada', '/api/coupons//stock', '/api/coupons//claim'],
    ...['/api/coupons/.', '/api/coupons/..', '/api/coupons/%2e', '/api/coupons/%2E%2e'],
    ...['/api/coupons/.%2e', '/api/coupons/./claims', '/api/coupons/../claims'],
    ...['/api/coupons/%2e%2e/claims', '/api/coupons/./stock', '/api/coupons/%2E/stock'],
    ...['/api/coupons/../claims/ada', '/api/coupons/./claim', '/api/coupons/claim/', '/./health'],
    ...['/api/coupons/some/', '/api/coupons/some//', '/api/coupons/some//claims'],
    ...['/api/coupons/some/claims/', '/api/coupons/some/claims/?limit=1', '/metrics/.'],
    ...['/api/coupons/some/claims//', '/api/coupons/some/claims//ada', '/api/coupons/some/.'],
    ...['/api/coupons/some/claims/.', '/api/coupons/some/claims/..', '/api/coupons/some/..'],
    ...['/api/coupons/some/claims/%2e', '/api/coupons/some/claims/%2e%2E'],
    ...['/api/coupons/some/claims/ada/', '/api/coupons/some/claims/ada/.', '/livez/'],
    ...['/%68ealth', '/api/%63oupons', '/api/%63oupons/claim', '/api/coupons/some/%63laims'],
    ...['/api%2Fcoupons', '/api/coupons%2Fsome', '/health#x', '/api/coupons/some#x'],
    ...['/api/coupons/some/claims/a#b', '/api/coupons#', '/docs/static/../../x', '/docs/static/'],
  ])('the path %s is unknown with every method', async (path) => {
    await aCouponNamed('some');
    const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'];
    const calls = [
      ...methods.map((method) => ({ method, path })),
      ...['POST', 'PATCH', 'PUT'].map((method) => ({ method, path, body: { add: 1 } })),
    ];
    for (const answer of await Promise.all(calls.map((call) => service.client.call(call)))) {
      expectProblem(answer, 'route_not_found');
      expect(answer.headers).not.toHaveProperty('allow');
    }
    expect((await service.client.call({ method: 'HEAD', path })).status).toBe(404);
  });

  it.each([
    ['/api/coupons/..;', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/..;/claims', 'coupon_not_found', 'GET, HEAD'],
    ['/api/coupons/...', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/%252e', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/a%2Fb', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/%2F..%2F', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/a%2Fclaims', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/\\', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/..%5c', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/%20', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/%23', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/none?/claims', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/none?a=/../b', 'coupon_not_found', 'GET, HEAD, PATCH'],
    ['/api/coupons/some/claims/none?x#y', 'claim_not_found', 'GET, HEAD'],
    ['/api/coupons/some/claims/..;', 'claim_not_found', 'GET, HEAD'],
    ['/api/coupons/some/claims/a%2F..', 'claim_not_found', 'GET, HEAD'],
    ['/api/coupons/some/claims/claims', 'claim_not_found', 'GET, HEAD'],
  ] as const)('the path %s contains a name and is not normalised', async (path, code, allow) => {
    await aCouponNamed('some');
    expectProblem(await service.client.get(path), code);
    const wrong = await service.client.call({ method: 'DELETE', path });
    expectProblem(wrong, 'method_not_allowed');
    expect(wrong.headers.allow).toBe(allow);
  });

  it('/api/../health is answered as /health', async () => {
    const answer = await service.client.get('/api/../health');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual((await service.client.get('/health')).json);
    const wrong = await service.client.call({ method: 'POST', path: '/api/../health', body: '{}' });
    expectProblem(wrong, 'method_not_allowed');
  });

  it('a read ignores an unknown query', async () => {
    expect((await service.client.get('/health?a=b&c')).status).toBe(200);
    const coupon = await service.createCoupon();
    expect((await service.client.get(`${pathOf(coupon)}?x=%00`)).status).toBe(200);
  });

  it.each(['/api/coupons/%', '/api/coupons/%zz', '/api/coupons/a%2', '/api/coupons/%ff'])(
    'a path with wrong percent-encoding is 400: %s',
    async (path) => {
      expectProblem(await service.client.get(path), 'invalid_request');
      expectProblem(await service.client.get(`${path}/claims`), 'invalid_request');
    },
  );

  it('a path may contain a name of 4,096 characters, and a longer one is 414', async () => {
    const { client } = service;
    expectProblem(await client.get(`/api/coupons/${'x'.repeat(4096)}`), 'coupon_not_found');
    expectProblem(await client.get(`/api/coupons/${'x'.repeat(4097)}`), 'uri_too_long');
    const path = `/api/coupons/some/claims/${'x'.repeat(4097)}`;
    expectProblem(await client.get(path), 'uri_too_long');
  });

  it('a request target may be a full URL', async () => {
    const send = async (method: string, path: string) => {
      const target = service.client.url + path;
      const head = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      return parseAnswer(await service.client.raw(head));
    };
    expect((await send('GET', '/livez')).status).toBe(200);
    const wrong = await send('DELETE', '/api/coupons?x');
    expectProblem(wrong, 'method_not_allowed');
    expect(wrong.headers.allow).toBe('GET, HEAD, POST');
    for (const path of ['', '/', '/livez/', '/api/../health', '/api/coupons/.']) {
      expectProblem(await send('GET', path), 'route_not_found');
    }
  });
});

describe('a method', () => {
  const service = useService();

  it.each(routes)('a method that %s does not support is 405 with Allow', async (path, allow) => {
    for (const method of methods) {
      if (allow.split(', ').includes(method)) continue;
      const answer = await service.client.call({ method, path });
      expect(answer.headers.allow, `${method} ${path}`).toBe(allow);
      if (method !== 'HEAD') expectProblem(answer, 'method_not_allowed');
      expect(answer.status).toBe(405);
    }
  });

  it.each(routes)('a method that %s does not support is 405 with any body', async (path, allow) => {
    const bodies = ['{}', 'garbage', '{"__proto__":1}', Buffer.from([0xff]), 'x'.repeat(20_000)];
    for (const body of bodies) {
      for (const headers of [{}, { 'Content-Type': 'nonsense' }]) {
        const answer = await service.client.call({ method: 'DELETE', path, body, headers });
        expectProblem(answer, 'method_not_allowed');
        expect(answer.headers.allow).toBe(allow);
      }
    }
  });

  it('an unknown path is 404 with any method and any body', async () => {
    for (const method of methods) {
      for (const body of [undefined, 'garbage', 'x'.repeat(20_000)]) {
        const answer = await service.client.call({ method, path: '/nowhere', body });
        expect(answer.headers).not.toHaveProperty('allow');
        if (method === 'HEAD') expect(answer.status).toBe(404);
        else expectProblem(answer, 'route_not_found');
      }
    }
  });

  it.each(['BREW', 'get', 'GETT', 'X'])(
    'a method that HTTP does not have is 400: %s',
    async (method) => {
      const bytes = await service.client.raw(
        `${method} /health HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      );
      expectProblem(parseAnswer(bytes), 'invalid_request');
    },
  );
});
