// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { parseAnswer } from '../support/contract-client.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectApiHeaders, expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';
import { claim, RawConnection } from '../support/raw-connection.ts';
import { missed } from '../support/wait-for.ts';

const head = 'POST /api/coupons/claim HTTP/1.1\r\nHost: localhost\r\n';

describe('a request that is not HTTP', () => {
  const service = useService();

  it.each([
    ['garbage', 'garbage\r\n\r\n'],
    ['bytes of TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03])],
    ['the greeting of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['NUL', Buffer.alloc(64)],
    ['an unknown version', 'GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['a path without a slash', 'GET health HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a space in the path', 'GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a header without a colon', 'GET /health HTTP/1.1\r\nHost: localhost\r\nnonsense\r\n\r\n'],
    ['a space before the colon', 'GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['NUL in a header', 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n'],
    ['an invalid length', `${head}Content-Length: many\r\n\r\n`],
    ['a negative length', `${head}Content-Length: -1\r\n\r\n`],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['a length and chunks', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`],
    ['a chunk without a size', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['an unknown transfer coding', `${head}Transfer-Encoding: nonsense\r\n\r\n{}`],
  ])('a request that is not HTTP is 400 and ends the connection: %s', async (_what, bytes) => {
    const answer = parseAnswer(await service.client.raw(bytes));
    expectProblem(answer, 'invalid_request');
    expect(answer.headers.connection).toBe('close');
    expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
  });

  it('garbage after a claim in the same bytes does not affect the claim', async () => {
    const coupon = await service.createCoupon();
    const bytes = await service.client.raw(`${claim('ada', coupon)}and more than that\r\n\r\n`);
    const answer = parseAnswer(bytes);
    expect(answer.status, bytes).toBe(200);
    expect(answer.headers.connection).toBe('close');
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toEqual(['ada']);
  });

  it('garbage that follows while a claim is decided does not affect the claim', async () => {
    const coupon = await service.createCoupon();
    const held = await holdCoupon(service.database, coupon);
    try {
      const connection = await RawConnection.open(service.client.port);
      connection.write(claim('ada', coupon));
      await held.untilWaiting();
      for (let count = 0; count < 20; count += 1) connection.write('garbage\r\n\r\n');
      // The garbage is read, since a later call on another connection is answered.
      expect((await service.client.get('/health')).status).toBe(200);
      await held.release();
      await connection.closed;
      const answer = parseAnswer(connection.received);
      expect(answer.status, connection.received).toBe(200);
      expect(answer.json).toMatchObject({ user_id: 'ada', position: 1 });
    } finally {
      await held.release();
    }
  });
});

describe('an expectation', () => {
  const service = useService();

  it('Expect: 100-continue is met and any other expectation is ignored', async () => {
    const coupon = await service.createCoupon();
    const body = JSON.stringify({ user_id: 'ada', coupon_name: coupon });
    const request = (expectation: string) =>
      `${head}Connection: close\r\nExpect: ${expectation}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const met = await service.client.raw(request('100-continue'));
    expect(met).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expectProblem(parseAnswer(await service.client.raw(request('miracles'))), 'already_claimed');
  });
});

describe('headers', () => {
  const service = useService();

  it('headers of almost 16 KiB are accepted and larger ones are 431', async () => {
    const { client } = service;
    expect((await client.get('/livez', { X: 'x'.repeat(16_000) })).status).toBe(200);
    const request = (bytes: number) =>
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`;
    for (const bytes of [16_384, 100_000]) {
      const answer = parseAnswer(await client.raw(request(bytes)));
      expectProblem(answer, 'header_too_large');
      expect(answer.headers.connection).toBe('close');
    }
  });

  it('too many headers and a path that is too long are 431', async () => {
    const { client } = service;
    const many = Array.from({ length: 3000 }, (_, index) => `X-${index}: ${index}\r\n`).join('');
    const answer = await client.raw(`GET /livez HTTP/1.1\r\nHost: localhost\r\n${many}\r\n`);
    expectProblem(parseAnswer(answer), 'header_too_large');
    const long = await client.raw(`GET /${'x'.repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expectProblem(parseAnswer(long), 'header_too_large');
  });

  it('response headers name neither the software nor its version', async () => {
    for (const path of ['/livez', '/nowhere', '/api/coupons']) {
      const { headers } = await service.client.get(path);
      expect(headers).not.toHaveProperty('server');
      expect(headers).not.toHaveProperty('x-powered-by');
    }
  });
});

describe('a slow request', () => {
  // The service checks once a second, so shorter timeouts would not end the tests sooner.
  const service = useService({ HTTP_HEADERS_TIMEOUT_MS: '700', HTTP_REQUEST_TIMEOUT_MS: '800' });

  it.each([
    ['whose headers do not end', 'GET /health HTTP/1.1\r\nHost: localhost\r\n'],
    ['of one byte', 'G'],
    ['whose body does not end', `${head}Content-Length: 100\r\n\r\n{"user_id":`],
    ['whose chunks do not end', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{"\r\n`],
  ])('a slow request is 408 and ends the connection: one %s', async (_what, bytes) => {
    const before = await service.storedCounts();
    const answer = parseAnswer(await service.client.raw(bytes));
    expectProblem(answer, 'request_timeout');
    expect(answer.headers.connection).toBe('close');
    expect(await service.storedCounts()).toEqual(before);
  });

  it('many slow requests delay no other client', async () => {
    const slow = await Promise.all(
      Array.from({ length: 200 }, () => RawConnection.open(service.client.port)),
    );
    for (const connection of slow) connection.write(`${head}X: `);
    expect((await service.client.get('/health')).status).toBe(200);
    // Otherwise this test shows nothing.
    if (slow.some(({ isClosed }) => isClosed)) missed('the slow requests had already ended');
    await Promise.all(slow.map((connection) => connection.closed));
    for (const { received } of slow) expectProblem(parseAnswer(received), 'request_timeout');
  });
});

describe('connections', () => {
  const service = useService();

  it('one connection answers 300 pipelined requests in order', async () => {
    const connection = await RawConnection.open(service.client.port);
    const paths = Array.from({ length: 300 }, (_, index) =>
      index % 2 === 0 ? '/livez' : `/api/coupons/none-${index}`,
    );
    connection.write(
      paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''),
    );
    connection.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await connection.closed;
    const statuses = [...connection.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(
      ([, one]) => one,
    );
    expect(statuses).toEqual([...paths.map((path) => (path === '/livez' ? '200' : '404')), '200']);
  });
});

describe('answers of every kind', () => {
  const service = useService();

  it('every response forbids sniffing and storing', async () => {
    const { client } = service;
    const coupon = await service.createCoupon();
    for (const path of [
      ...[
        '/api/coupons',
        pathOf(coupon),
        pathOf(coupon, 'claims'),
        '/health',
        '/livez',
        '/metrics',
      ],
      ...['/openapi.json', '/nowhere', '/api/coupons/%zz', `/api/coupons/${'x'.repeat(5000)}`],
    ]) {
      expectApiHeaders(await client.get(path));
    }
    expectApiHeaders(await client.claim('ada', coupon));
    expectApiHeaders(await client.post('/api/coupons', 'garbage'));
    expectApiHeaders(await client.call({ method: 'DELETE', path: '/api/coupons' }));
  });
});
