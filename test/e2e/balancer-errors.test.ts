// SPDX-License-Identifier: GPL-3.0-or-later
/** The errors of the balancer itself, and how long it keeps connections of clients. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problems } from '../../src/entrypoints/http/problems/problem-kinds.ts';
import type { Answer } from '../support/contract-client.ts';
import { freePort } from '../support/free-port.ts';
import { type Balancer, findHaproxy, startBalancer } from '../support/haproxy.ts';
import { get, RawConnection } from '../support/raw-connection.ts';
import { waitFor } from '../support/wait-for.ts';

const found = findHaproxy();

/** The errors of the balancer itself: rows of the table of errors in the contract, and codes of its own. */
const errors = {
  400: { code: 'invalid_request', error: 'invalid request: the request is not valid HTTP' },
  403: { code: 'forbidden', error: 'forbidden', title: 'Forbidden', effect: 'none' },
  408: { code: 'request_timeout' },
  413: { code: 'body_too_large' },
  429: { code: 'rate_limited' },
  500: { code: 'internal' },
  502: { code: 'bad_gateway', error: 'bad gateway', title: 'Bad Gateway', effect: 'unknown' },
  503: { code: 'unavailable' },
  504: {
    code: 'gateway_timeout',
    error: 'gateway timeout',
    title: 'Gateway Timeout',
    effect: 'unknown',
  },
} as const;
const withRetryAfter = ['429', '502', '503', '504'];

function expectError(answer: Answer | undefined, status: keyof typeof errors): void {
  const { code, ...own } = errors[status];
  const { title, error, effect } =
    code in problems
      ? problems[code as keyof typeof problems]
      : { title: '', error: '', effect: '' };
  const headers: Record<string, unknown> = answer?.headers ?? {};
  expect(answer?.status).toBe(status);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['retry-after']).toBe(withRetryAfter.includes(String(status)) ? '1' : undefined);
  const extra = status === 400 ? { errors: [] } : {};
  expect(answer?.json).toEqual({
    ...{ type: expect.stringMatching(`^(?:about:blank|https://\\S+/errors#${code})$`), status },
    ...{ detail: expect.any(String), instance: expect.stringMatching(/^urn:request:[\w-]{36}$/) },
    ...{ title, error, effect, ...own, code, ...extra },
  });
}

describe.skipIf(found === undefined)('the balancer', () => {
  const servers: Server[] = [];
  const begun: string[] = [];
  let folder: string;
  let balancer: Balancer;
  let port: number;
  let denyingPort: number;

  beforeAll(async () => {
    for (const _ of [1, 2, 3]) {
      const server = createServer((request, response) => {
        begun.push(request.url ?? '');
        if (request.url === '/cut') request.socket.destroy();
        else request.resume().on('end', () => response.end('{}'));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      servers.push(server);
    }
    folder = mkdtempSync(join(tmpdir(), 'firstcome-balancer-'));
    denyingPort = await freePort();
    const denying = join(folder, 'denying.cfg');
    // Rules that an operator may add after the shipped defaults.
    const rules = Object.keys(errors).map(
      (status) => `  http-request deny deny_status ${status} if { path /${status} }`,
    );
    const head = ['frontend denying', `  bind 127.0.0.1:${denyingPort}`];
    writeFileSync(denying, [...head, ...rules, '  default_backend nodes', ''].join('\n'));
    const urls = servers.map((one) => `http://127.0.0.1:${(one.address() as AddressInfo).port}`);
    balancer = await startBalancer(found ?? '', urls, [denying]);
    port = Number(new URL(balancer.url).port);
  });

  afterAll(async () => {
    await balancer?.stop();
    for (const server of servers) server.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(Object.keys(errors).map(Number) as (keyof typeof errors)[])(
    'the balancer answers %i in the form of the contract',
    async (status) => {
      const connection = await RawConnection.open(denyingPort);
      expectError(await connection.send(get(`/${status}`)), status);
      connection.end();
    },
  );

  it('the balancer answers 502 when a node closes its connection and 400 to a body that is not HTTP', async () => {
    const cut = await RawConnection.open(port);
    const post = 'POST /cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}';
    expectError(await cut.send(post), 502);
    const broken = await RawConnection.open(port);
    broken.write('POST /chunks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
    await waitFor('request at the node', () => begun.includes('/chunks'));
    expectError(await broken.send('no size\r\n'), 400);
    for (const connection of [cut, broken]) connection.end();
  });

  it('the balancer closes a connection without a request after some seconds, without a response', async () => {
    const silent = await RawConnection.open(port);
    const idle = await RawConnection.open(port);
    expect((await idle.send(get('/livez')))?.status).toBe(200);
    // Much longer than the configured time, for a busy machine.
    const areClosed = () => silent.isClosed && idle.isClosed;
    await waitFor('end of both', areClosed, { timeoutMs: 30_000 });
    expect([silent.received, idle.received]).toEqual(['', '']);
  });
});
