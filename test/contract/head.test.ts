// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Answer } from '../support/contract-client.ts';
import { expectApiHeaders } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';

// Headers that depend on the content of a list, on the connection or on the time.
const leftOut = ['content-length', 'transfer-encoding', 'link', 'date', 'connection', 'keep-alive'];

function headersOf({ headers }: Answer): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !leftOut.includes(name)));
}

describe('HEAD', () => {
  const service = useService();

  /** Expects HEAD to have the status and the headers of GET. */
  async function expectHead(path: string, status: number, headers = {}): Promise<[Answer, Answer]> {
    const get = await service.client.get(path, headers);
    const head = await service.client.call({ method: 'HEAD', path, headers });
    expect([path, get.status, head.status]).toEqual([path, status, status]);
    expect(headersOf(head)).toEqual(headersOf(get));
    expect(head.text).toBe('');
    return [head, get];
  }

  it('HEAD has the status and the headers of GET, and no body', async () => {
    const coupon = await service.createCoupon();
    for (const user of ['ada', 'bob', 'cy']) await service.mustClaim(coupon, { user });
    const claims = pathOf(coupon, 'claims');
    const paths = [
      ...['/api/coupons', '/api/coupons?limit=1', pathOf(coupon), claims, `${claims}?limit=2`],
      ...[`${claims}?cursor=2`, `${claims}/ada`, '/health', '/api/health', '/readyz', '/livez'],
    ];
    for (const path of paths) expectApiHeaders((await expectHead(path, 200))[0]);
    for (const path of ['/metrics', '/openapi.json', '/docs']) await expectHead(path, 200);
    for (const accept of ['text/csv', 'application/x-ndjson', 'application/json']) {
      await expectHead(claims, 200, { Accept: accept });
    }
  });

  it('HEAD has a Content-Length only where it costs no further read', async () => {
    const coupon = await service.createCoupon();
    await service.mustClaim(coupon, { user: 'ada' });
    for (const path of [pathOf(coupon, 'claims', 'ada'), '/health', '/livez', '/openapi.json']) {
      const [head, get] = await expectHead(path, 200);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    }
    for (const path of ['/api/coupons', pathOf(coupon), pathOf(coupon, 'claims'), '/metrics']) {
      const [head] = await expectHead(path, 200);
      expect(head.headers).not.toHaveProperty('content-length');
      expect(head.headers).not.toHaveProperty('transfer-encoding');
    }
  });

  it('HEAD keeps the connection open for the next request', async () => {
    const coupon = await service.createCoupon();
    const claims = pathOf(coupon, 'claims');
    const lines = [pathOf(coupon), claims, '/api/coupons', '/metrics'].map(
      (path) => `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\n\r\n`,
    );
    const last = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
    const received = await service.client.raw(lines.join('') + last);
    expect(received.match(/^HTTP\/1\.1 200 OK\r$/gm)).toHaveLength(5);
    expect(received).toMatch(/\r\n\r\n\{"status":"alive"\}$/);
  });

  it('HEAD fails with the same status as GET', async () => {
    const coupon = await service.createCoupon();
    const claims = pathOf(coupon, 'claims');
    for (const accept of ['application/json', 'text/csv', 'application/x-ndjson']) {
      await expectHead('/api/coupons/none/claims', 404, { Accept: accept });
    }
    for (const path of ['/api/coupons/none', `${claims}/no-one`, '/nowhere', '/api/coupons/']) {
      await expectHead(path, 404);
    }
    const invalid = [
      ...['/api/coupons?limit=0', '/api/coupons?cursor=x', '/api/coupons/%zz', '/api/coupons/%00'],
      ...[`${claims}?limit=x`, `${claims}?cursor=2147483648`, `${claims}/%00`],
    ];
    for (const path of invalid) await expectHead(path, 400);
    await expectHead(`/api/coupons/${'x'.repeat(4097)}`, 414);
  });
});
