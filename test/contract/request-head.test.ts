// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { type Answer, parseAnswer } from '../support/contract-client.ts';
import { expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';

const service = useService();

/** Sends a request on a new connection, with exactly these header lines. */
async function send(
  requestLine: string,
  lines: readonly string[],
  body?: string | undefined,
): Promise<Answer> {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = [requestLine, 'Host: localhost', 'Connection: close', ...lines, ...length];
  return parseAnswer(await service.client.raw(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`));
}

const claimBody = (user: string, coupon: string) =>
  JSON.stringify({ user_id: user, coupon_name: coupon });

describe('a header that is sent twice', () => {
  const repeats: [field: string, lines: string[]][] = [
    ['Idempotency-Key', ['Idempotency-Key: k', 'Idempotency-Key: k']],
    ['Idempotency-Key', ['Idempotency-Key: k', 'idempotency-key: other']],
    ['Idempotency-Key', ['IDEMPOTENCY-KEY: k', 'X: y', 'Idempotency-Key:']],
    ['Authorization', ['Authorization: Bearer a', 'Authorization: Bearer a']],
    ['Authorization', ['authorization: Bearer a', 'X: y', 'AUTHORIZATION: Basic b']],
    ['Content-Type', ['Content-Type: application/json', 'Content-Type: application/json']],
    ['Content-Type', ['Content-Type: application/json', 'content-TYPE: text/plain']],
    ['Host', ['Host: localhost']],
    ['Host', ['hOST: 127.0.0.1']],
    ['Origin', ['Origin: http://localhost', 'Origin: http://localhost']],
    ['Origin', ['Origin: http://localhost', 'oriGIN: https://shop.example']],
    ['Sec-Fetch-Site', ['Sec-Fetch-Site: same-origin', 'sec-fetch-site: cross-site']],
  ];

  it.each(repeats)(
    'a repeated header is 400 on every route and changes nothing: %s, %j',
    async (field, lines) => {
      const coupon = await service.createCoupon();
      const before = await service.storedCounts();
      for (const [method, path, body] of [
        ['POST', '/api/coupons/claim', claimBody('ada', coupon)],
        ['POST', pathOf(coupon, 'stock'), '{"add":1}'],
        ['POST', '/api/coupons', JSON.stringify({ name: newName(), amount: 1 })],
        ['PATCH', pathOf(coupon), '{"paused":true}'],
        ['GET', pathOf(coupon), undefined],
        ['GET', '/livez', undefined],
        ['GET', '/nowhere', undefined],
        ['DELETE', '/api/coupons', undefined],
      ] as const) {
        const answer = await send(`${method} ${path} HTTP/1.1`, lines, body);
        expectInvalid(answer, field);
        expect(answer.json.errors).toEqual([{ field, message: 'must be sent only once' }]);
      }
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it('repeated headers are 400 before the access key is checked, and each is named', async () => {
    const lines = ['Origin: a', 'Origin: b', 'Idempotency-Key: k', 'Idempotency-Key: k', 'Host: x'];
    const answer = await send('GET /api/coupons HTTP/1.1', lines);
    expectInvalid(answer, 'Host', 'Idempotency-Key', 'Origin');
  });

  it('a repeated Idempotency-Key stores neither a claim nor stock', async () => {
    const coupon = await service.createCoupon();
    const first = await service.mustClaim(coupon, { user: 'ada', key: 'k' });
    const twice = ['Idempotency-Key: k', 'Idempotency-Key: k'];
    const claim = 'POST /api/coupons/claim HTTP/1.1';
    expectInvalid(await send(claim, twice, claimBody('ada', coupon)), 'Idempotency-Key');
    const again = await service.client.claim('ada', coupon, 'k');
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.text).toBe(first.text);
    const stock = `POST ${pathOf(coupon, 'stock')} HTTP/1.1`;
    expectInvalid(await send(stock, twice, '{"add":5}'), 'Idempotency-Key');
    expect((await service.client.get(pathOf(coupon))).json.amount).toBe(10);
  });

  it('a repeated header is found after thousands of other headers', async () => {
    const others = Array.from({ length: 2_500 }, () => 'a:b');
    const lines = ['Idempotency-Key: k', ...others, 'Idempotency-Key: other'];
    expectInvalid(await send('GET /livez HTTP/1.1', lines), 'Idempotency-Key');
    const coupon = await service.createCoupon();
    const late = [...others, 'Idempotency-Key: k'];
    const claim = () => send('POST /api/coupons/claim HTTP/1.1', late, claimBody('ada', coupon));
    expect((await claim()).status).toBe(200);
    expect((await claim()).headers['idempotency-replayed']).toBe('true');
  });

  it('a repeated header leaves its connection open', async () => {
    const bytes = await service.client.raw(
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\r\nAuthorization: a\r\n\r\n' +
        'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect([...bytes.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      ...['400', '200'],
    ]);
  });

  it('a repeated header is accepted where it is a list or is not read', async () => {
    const coupon = await service.createCoupon();
    const lists = [
      ...['Accept: text/html', 'Accept: application/json', 'Accept-Encoding: a'],
      ...['Accept-Encoding: b', 'Cookie: a=b', 'Cookie: c=d', 'Prefer: wait=1', 'Prefer: x'],
      ...['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.2', 'X-Forwarded-Host: a'],
      ...['X-Forwarded-Host: b', 'Via: 1.1 a', 'Via: 1.1 b', 'User-Agent: a', 'User-Agent: b'],
      ...['traceparent: a', 'traceparent: b', 'Expect: a', 'Expect: b'],
    ];
    expect((await send(`GET ${pathOf(coupon)} HTTP/1.1`, lists)).status).toBe(200);
    const body = claimBody('ada', coupon);
    expect((await send('POST /api/coupons/claim HTTP/1.1', lists, body)).status).toBe(200);
  });
});

describe('a request with two possible lengths', () => {
  const body = '{"name":"smuggled","amount":1}';
  const length = `Content-Length: ${body.length}`;
  const chunked = 'Transfer-Encoding: chunked';
  const asChunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  /** Becomes a request if the body before it ends early. */
  const smuggled = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

  it.each<[field: string, lines: string[], bytes: string, version?: string]>([
    ['Content-Length', [length, length], body],
    ['Content-Length', [length, 'content-length: 3'], body],
    ['Content-Length', ['Content-Length: 3', length], body],
    ['Content-Length', [`Content-Length: ${body.length}, ${body.length}`], body],
    ['Content-Length', ['Content-Length: +30'], body],
    ['Content-Length', [chunked, length], asChunks],
    ['Transfer-Encoding', [length, chunked], asChunks],
    ['Transfer-Encoding', [chunked, chunked], asChunks],
    ['Transfer-Encoding', [chunked, 'Transfer-Encoding: identity'], asChunks],
    ['Transfer-Encoding', ['Transfer-Encoding: identity', chunked], asChunks],
    ['Transfer-Encoding', ['Transfer-Encoding: gzip, chunked'], asChunks],
    ['Transfer-Encoding', ['Transfer-Encoding: identity, chunked'], asChunks],
    ['Transfer-Encoding', ['Transfer-Encoding: xchunked'], asChunks],
    ['Transfer-Encoding', ['Transfer-Encoding: identity'], body],
    ['Transfer-Encoding', [chunked], asChunks, '1.0'],
    ['Transfer-Encoding', [chunked], asChunks, '0.9'],
    ['Transfer-Encoding', [chunked], asChunks, '2.0'],
  ])(
    'a request with two possible lengths is 400 and ends its connection: %s, %j',
    async (field, lines, bytes, version = '1.1') => {
      const before = await service.storedCounts();
      const head = [`POST /api/coupons HTTP/${version}`, 'Host: localhost', ...lines];
      const received = await service.client.raw(`${head.join('\r\n')}\r\n\r\n${bytes}${smuggled}`);
      expect(received.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
      const answer = parseAnswer(received);
      expectInvalid(answer, field);
      expect(answer.headers.connection).toBe('close');
      expect(await service.storedCounts()).toEqual(before);
    },
  );

  it.each(['chunked', 'CHUNKED'])('a request in plain chunks is accepted: %s', async (coding) => {
    const name = newName();
    const json = JSON.stringify({ name, amount: 1 });
    const bytes = await service.client.raw(
      `POST /api/coupons HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ${coding}\r\n` +
        `Connection: close\r\n\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`,
    );
    expect(parseAnswer(bytes).status).toBe(201);
  });
});

describe('a request head that is not HTTP', () => {
  it('a head that is not HTTP is 400 without a field', async () => {
    const answer = parseAnswer(await service.client.raw('nonsense\r\n\r\n'));
    expectProblem(answer, 'invalid_request');
    expect(answer.json.errors).toEqual([]);
  });
});
