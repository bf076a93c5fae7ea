// SPDX-License-Identifier: GPL-3.0-or-later
/** What happens to a connection when a response is sent before the body of its request has arrived. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chunked, claimOf, connectTo, requestOf } from '../support/byte-connection.ts';
import { type Answer, type Client, clientOf } from '../support/contract-client.ts';
import { expectProblem, type ProblemCode } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';
import { waitFor } from '../support/wait-for.ts';

const adminKey = 'the-key-of-the-administrator';

const service = useService({ ADMIN_API_KEY: adminKey });

describe('a connection', () => {
  let admin: Client;
  beforeAll(() => {
    admin = clientOf(service.client.url, { Authorization: `Bearer ${adminKey}` });
  });
  afterAll(() => admin.close());

  it.each<[ProblemCode, string, string]>([
    ['unauthorized', 'POST /api/coupons', ''],
    ['cross_origin', 'POST /api/coupons/claim', 'Origin: https://other.example'],
    ['route_not_found', 'POST /nowhere', ''],
    ['method_not_allowed', 'PUT /api/coupons', ''],
    ['invalid_request', 'POST /api/coupons/%zz/stock', ''],
  ])(
    'a connection stays open when %s is answered before a small body arrives, and serves the next request',
    async (code, line, header) => {
      const connection = connectTo(service);
      const headers = ['Content-Length: 16384', ...(header === '' ? [] : [header])];
      connection.socket.write(requestOf(line, headers));
      const [answer] = await connection.untilAnswers(1);
      expectProblem(answer as Answer, code);
      expect(answer?.headers.connection).not.toBe('close');
      connection.socket.write('x'.repeat(16_384) + requestOf('GET /livez', []));
      const [, next] = await connection.untilAnswers(2);
      expect(next?.json).toEqual({ status: 'alive' });
      connection.socket.end();
      await connection.closed;
      expect(connection.answers()).toHaveLength(2);
      expect(connection.failed).toBeUndefined();
    },
  );

  it.each([
    ['a large body', 'Content-Length: 16385', 'x'.repeat(16_385)],
    ['chunks', 'Transfer-Encoding: chunked', chunked(100)],
  ])(
    'a connection closes when the response is sent before %s, and serves no later request',
    async (_what, header, body) => {
      const coupon = await service.with(admin).createCoupon();
      for (const first of ['POST /api/coupons', 'POST /nowhere', 'POST /api/coupons/%zz/stock']) {
        const connection = connectTo(service);
        connection.socket.write(requestOf(first, [header]));
        const [answer] = await connection.untilAnswers(1);
        expect(answer?.headers.connection).toBe('close');
        connection.socket.end(body + claimOf(coupon, 'pipelined'));
        await connection.closed;
        expect(connection.answers()).toHaveLength(1);
        expect(connection.failed).toBeUndefined();
      }
      // A claim that still arrives would take position 1.
      expect((await service.mustClaim(coupon, { user: 'ada' })).json.position).toBe(1);
      expect((await admin.get(pathOf(coupon))).json.claimed_by).toEqual(['ada']);
    },
  );

  it('a connection closes after 413 in the middle of chunks, and serves no later request', async () => {
    const coupon = await service.with(admin).createCoupon();
    const connection = connectTo(service);
    const body = chunked(20_000);
    const headers = ['Transfer-Encoding: chunked'];
    connection.socket.write(requestOf('POST /api/coupons/claim', headers, body.slice(0, 18_000)));
    const [answer] = await connection.untilAnswers(1);
    expectProblem(answer as Answer, 'body_too_large');
    expect(answer?.headers.connection).toBe('close');
    connection.socket.end(body.slice(18_000) + claimOf(coupon, 'pipelined'));
    await connection.closed;
    expect(connection.answers()).toHaveLength(1);
    expect((await service.mustClaim(coupon, { user: 'ada' })).json.position).toBe(1);
    expect((await admin.get(pathOf(coupon))).json.claimed_by).toEqual(['ada']);
  });

  it('a connection stays open after a complete body that is refused, and serves the next claim', async () => {
    const coupon = await service.with(admin).createCoupon();
    for (const [index, body] of ['garbage', '{"user_id":1}', '\xff', ''].entries()) {
      const connection = connectTo(service);
      const bytes = Buffer.from(body, 'latin1');
      const head = requestOf('POST /api/coupons/claim', [`Content-Length: ${bytes.length}`]);
      const next = Buffer.from(claimOf(coupon, `user ${index}`));
      connection.socket.write(Buffer.concat([Buffer.from(head), bytes, next]));
      const [refused, claimed] = await connection.untilAnswers(2);
      expectProblem(refused as Answer, 'invalid_request');
      expect(claimed?.json).toMatchObject({ user_id: `user ${index}`, position: index + 1 });
      connection.socket.end();
      await connection.closed;
    }
  });

  it('an answered request whose body turns out to be broken gets no second response', async () => {
    const connection = connectTo(service);
    connection.socket.write(requestOf('POST /nowhere', ['Transfer-Encoding: chunked'], '5\r\nab'));
    await connection.untilAnswers(1);
    connection.socket.end('cdegarbage\r\n\r\n');
    await connection.closed;
    expect(connection.answers()).toHaveLength(1);
  });
});

describe('a body that never ends', () => {
  // The service checks once a second, so shorter timeouts would not end the tests sooner.
  const strict = useService({ HTTP_HEADERS_TIMEOUT_MS: '700', HTTP_REQUEST_TIMEOUT_MS: '800' });

  it.each([
    ['a small one', 'Content-Length: 100'],
    ['a large one', 'Content-Length: 5000000'],
    ['one in chunks', 'Transfer-Encoding: chunked'],
  ])(
    'a body that never ends gets one response, and its connection closes: %s',
    async (_what, header) => {
      const connection = connectTo(strict);
      connection.socket.write(requestOf('POST /nowhere', [header], '1'));
      const [answer] = await connection.untilAnswers(1);
      expectProblem(answer as Answer, 'route_not_found');
      if (!connection.socket.readableEnded) await once(connection.socket, 'end');
      connection.socket.end();
      await connection.closed;
      expect(connection.answers()).toHaveLength(1);
    },
  );

  it('a client that sends a byte now and then does not hold its connection', async () => {
    const connection = connectTo(strict);
    connection.socket.write(requestOf('POST /nowhere', ['Content-Length: 5000000']));
    await connection.untilAnswers(1);
    const timer = setInterval(() => connection.socket.write('x'), 20);
    await connection.closed;
    clearInterval(timer);
    expect(connection.answers()).toHaveLength(1);
  });
});

describe('a service that stops', () => {
  it('a stop does not wait for a client that still sends after its response', async () => {
    await service.withAnother({ SHUTDOWN_TIMEOUT_MS: '300' }, async (other) => {
      const connection = connectTo(other);
      connection.socket.write(requestOf('POST /nowhere', ['Content-Length: 5000000']));
      await connection.untilAnswers(1);
      const timer = setInterval(() => connection.socket.write('x'), 5);
      // The stop closes it, long before the limits for unread bodies would.
      await other.app.stop();
      await connection.closed;
      clearInterval(timer);
      expect(connection.answers()).toHaveLength(1);
    });
  });

  it('a stop answers 503 to a request with a large body, and the client receives it', async () => {
    await service.withAnother({ SHUTDOWN_TIMEOUT_MS: '20000' }, async (other) => {
      const { client } = other;
      const connection = connectTo(other);
      // A request that has begun keeps its connection open.
      connection.socket.write('POST /api/coupons/claim HTTP/1.1\r\nHost: localhost\r\n');
      await client.get('/livez');
      const stopped = other.app.stop();
      await waitFor('refused connection', () =>
        client.get('/livez').then(
          () => false,
          () => true,
        ),
      );
      connection.socket.write('Content-Length: 4194304\r\n\r\n');
      connection.socket.end('x'.repeat(4_194_304));
      await connection.closed;
      expect(connection.failed).toBeUndefined();
      expectProblem(connection.answers()[0] as Answer, 'unavailable');
      await stopped;
    });
  });
});
