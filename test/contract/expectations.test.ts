// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { chunked, claimOf, connectTo, requestOf } from '../support/byte-connection.ts';
import type { Answer } from '../support/contract-client.ts';
import { expectProblem, type ProblemCode } from '../support/contract-problems.ts';
import { useService } from '../support/contract-service.ts';

const adminKey = 'the-key-of-the-administrator';

describe('Expect: 100-continue', () => {
  const service = useService({ ADMIN_API_KEY: adminKey });
  const small = 'Content-Length: 50';
  const key = `Authorization: Bearer ${adminKey}`;

  it.each<[ProblemCode, string, string[]]>([
    ['body_too_large', 'POST /api/coupons/claim', ['Content-Length: 16385']],
    ['unauthorized', 'POST /api/coupons', [small]],
    ['unauthorized', 'POST /api/coupons', ['Transfer-Encoding: chunked']],
    ['cross_origin', 'POST /api/coupons/claim', [small, 'Origin: https://other.example']],
    ['route_not_found', 'POST /nowhere', [small]],
    ['route_not_found', 'GET /nowhere', [small]],
    ['method_not_allowed', 'DELETE /api/coupons/claim', [small]],
    ['invalid_request', 'POST /api/coupons/claim', [small, 'Host: localhost']],
    ['invalid_request', 'POST /api/coupons/%zz/stock', [small, key]],
    ['invalid_request', 'POST /api/coupons/%00/stock', [small, key]],
    ['invalid_request', 'POST /api/coupons/claim', [small, 'Content-Encoding: gzip']],
    ['invalid_request', 'POST /api/coupons/claim', [small, `Idempotency-Key: ${'k'.repeat(256)}`]],
    ['uri_too_long', 'POST /api/coupons/{too-long}/stock', [small, key]],
    ['coupon_not_found', 'GET /api/coupons/none', [small]],
  ])('Expect: 100-continue is answered at once with %s to %s', async (code, line, headers) => {
    const connection = connectTo(service);
    const request = requestOf(line, ['Expect: 100-continue', ...headers]);
    connection.socket.write(request.replace('{too-long}', 'x'.repeat(4097)));
    // The client sends no body, and the service closes its side.
    await once(connection.socket, 'end');
    expect(connection.answers()).toHaveLength(1);
    const [answer] = connection.answers();
    expectProblem(answer as Answer, code);
    expect(answer?.headers.connection).toBe('close');
    connection.socket.end();
    await connection.closed;
    expect(connection.failed).toBeUndefined();
  });

  it('a client that expects it gets 100 Continue before a body that is read, and the connection stays open', async () => {
    const { client } = service;
    const name = 'expected';
    const body = JSON.stringify({ name, amount: 5 });
    const connection = connectTo(service);
    const headers = [key, 'Expect: 100-continue', `Content-Length: ${body.length}`];
    connection.socket.write(requestOf('POST /api/coupons', headers));
    await connection.untilAnswers(1);
    expect(connection.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    connection.socket.write(body);
    const [, created] = await connection.untilAnswers(2);
    expect(created?.status).toBe(201);
    connection.socket.write(claimOf(name, 'ada', 'Expect: 100-CONTINUE'));
    const answers = await connection.untilAnswers(4);
    expect(answers.map(({ status }) => status)).toEqual([100, 201, 100, 200]);
    connection.socket.end();
    await connection.closed;
    expect((await client.claim('ada', name)).status).toBe(409);
  });

  it('a client that expects it gets 100 Continue before chunks, and 413 if they are too large', async () => {
    const connection = connectTo(service);
    const headers = ['Expect: 100-continue', 'Transfer-Encoding: chunked'];
    connection.socket.write(requestOf('POST /api/coupons/claim', headers));
    await connection.untilAnswers(1);
    connection.socket.write(chunked(16_385));
    const [, answer] = await connection.untilAnswers(2);
    expectProblem(answer as Answer, 'body_too_large');
    connection.socket.end();
    await connection.closed;
  });

  it.each(['GET /livez', 'POST /api/coupons/claim', 'HEAD /livez'])(
    'a request without a body is answered without 100 Continue: %s',
    async (line) => {
      const connection = connectTo(service);
      connection.socket.write(requestOf(line, ['Expect: 100-continue', 'Connection: close']));
      await once(connection.socket, 'end');
      connection.socket.end();
      expect(connection.received).toMatch(/^HTTP\/1\.1 [24]00 /);
      await connection.closed;
    },
  );
});
