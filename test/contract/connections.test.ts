// SPDX-License-Identifier: GPL-3.0-or-later
/** The limit of open connections, and which of them are closed or refused beyond it. */
import dns from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer } from '../support/contract-client.ts';
import { holdCoupon } from '../support/contract-locks.ts';
import { expectProblem } from '../support/contract-problems.ts';
import { pathOf, useService } from '../support/contract-service.ts';
import { claim, get, RawConnection } from '../support/raw-connection.ts';
import { waitFor } from '../support/wait-for.ts';

const opened: RawConnection[] = [];

afterEach(() => {
  for (const connection of opened.splice(0)) connection.end();
});

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

async function open(port: number, count = 1, host?: string): Promise<RawConnection[]> {
  const connections = await Promise.all(range(count).map(() => RawConnection.open(port, host)));
  opened.push(...connections);
  return connections;
}

async function openOne(port: number, host?: string): Promise<RawConnection> {
  const [connection] = await open(port, 1, host);
  return connection as RawConnection;
}

/** Opens connections that were answered one after the other and wait for their next request. */
async function openIdle(port: number, count: number, host?: string): Promise<RawConnection[]> {
  const idle: RawConnection[] = [];
  for (const _ of range(count)) {
    const connection = await openOne(port, host);
    expect((await connection.send(get('/livez')))?.status).toBe(200);
    idle.push(connection);
  }
  return idle;
}

/** Sends a request on a new connection. */
async function sendAlone(port: number, request: string): Promise<Answer | undefined> {
  const connection = await openOne(port);
  const answer = await connection.send(request);
  connection.end();
  return answer;
}

/** Reads the metrics on a new connection. Returns the value of each series. */
async function metricsOf(port: number): Promise<(series: string) => number> {
  const lines = (await sendAlone(port, get('/metrics')))?.text.split('\n') ?? [];
  return (series) => Number(lines.find((line) => line.startsWith(`${series} `))?.split(' ')[1]);
}

/** Waits until all connections of earlier tests are closed or idle. */
async function untilIdle(port: number): Promise<void> {
  await waitFor('end of other connections', async () => {
    const value = await metricsOf(port);
    return value('firstcome_http_connections') - value('firstcome_http_connections_idle') === 1;
  });
}

const openNow = (connections: RawConnection[]) =>
  connections.filter(({ isClosed }) => !isClosed).length;

const monitored = ['/livez', '/readyz', '/health', '/api/health', '/livez?verbose', '/metrics'];

describe('idle connections', () => {
  const max = 50;
  const service = useService({ HTTP_CONNECTIONS_MAX: String(max) });

  it('at nine tenths of the limit, the connections that have waited longest are closed', async () => {
    const { port } = service.client;
    const idle = await openIdle(port, max);
    await waitFor('end of five connections', () => openNow(idle) === max - 5);
    expect(idle.map(({ isClosed }) => isClosed)).toEqual(idle.map((_, index) => index < 5));

    // The time since the last response counts, not the time since the opening.
    const [oldest, second] = idle.slice(5) as [RawConnection, RawConnection];
    expect((await oldest.send(get('/livez')))?.status).toBe(200);
    const newest = await openOne(port);
    expect((await newest.send(get('/livez')))?.headers.connection).toBe('keep-alive');
    await second.closed;
    expect(oldest.isClosed).toBe(false);
    // No response: a client would take a 408 for the response to its next request.
    expect(second.received).toBe('');
  });

  it('any number of idle connections shuts out no client and ends no busy connection', async () => {
    const { port } = service.client;
    const coupon = await service.createCoupon({ amount: 1100 });
    const busy = await openOne(port);
    const users = range(60);
    for (const user of users) {
      // All rounds together open six times the limit.
      await openIdle(port, 5);
      const answer = await busy.send(claim(`user-${user}`, coupon));
      expect(answer?.status).toBe(200);
      expect(answer?.headers.connection).toBe('keep-alive');
      const path = monitored[user % monitored.length] ?? '';
      expect((await sendAlone(port, get(path)))?.status).toBe(200);
    }
    expect((await service.client.get(pathOf(coupon))).json.claimed_by).toHaveLength(users.length);
  });

  it('the metrics count idle connections and those that were closed', async () => {
    const { port } = service.client;
    await openIdle(port, max + 10);
    const metrics = await metricsOf(port);
    const value = (suffix: string) => metrics(`firstcome_http_connections${suffix}`);
    expect(value('_max')).toBe(max);
    expect(value('')).toBe(max - 5);
    expect(value('_idle')).toBe(max - 6);
    expect(value('_ratio')).toBe(0.9);
    expect(value('_closed_total{reason="idle"}')).toBeGreaterThan(15);
    expect(value('_closed_total{reason="refused"}')).toBe(0);
  });
});

describe('connections that are all in use', () => {
  const max = 20;
  const beyond = 16;
  const service = useService({
    ...{ HTTP_CONNECTIONS_MAX: String(max), HTTP_HEADERS_TIMEOUT_MS: '60000' },
    HTTP_REQUEST_TIMEOUT_MS: '60000',
  });

  beforeEach(() => untilIdle(service.client.port));

  /** Opens connections up to the limit, each with a claim that waits until `release`. */
  async function fill() {
    const coupon = await service.createCoupon({ amount: 100 });
    const held = await holdCoupon(service.database, coupon);
    const busy = await open(service.client.port, max);
    for (const [index, connection] of busy.entries()) {
      connection.write(claim(`user-${index}`, coupon));
    }
    await waitFor('all claims', async () => {
      return (await metricsOf(service.client.port))('firstcome_claims_waiting') === max;
    });
    return { coupon, busy, release: held.release };
  }

  it('while all connections are in use, only health checks and metrics are served and others are overloaded', async () => {
    const { port } = service.client;
    const { coupon, busy, release } = await fill();
    try {
      const before = await service.storedCounts();
      for (const path of monitored) {
        const answer = await sendAlone(port, get(path));
        expect([path, answer?.status]).toEqual([path, 200]);
        expect(answer?.headers.connection).toBe('close');
      }
      for (const request of [claim('late', coupon), get(pathOf(coupon)), get('/api/coupons')]) {
        const answer = await sendAlone(port, request);
        expect(answer).toBeDefined();
        if (answer !== undefined) expectProblem(answer, 'overloaded');
        expect(answer?.headers.connection).toBe('close');
      }
      expect(await service.storedCounts()).toEqual(before);
    } finally {
      await release();
    }
    const answers = await Promise.all(busy.map((connection) => connection.answer()));
    expect(answers.map((answer) => answer?.status)).toEqual(range(max).map(() => 200));
    // Some connections end with their response, until at most nine tenths are in use.
    const ends = answers.filter((answer) => answer?.headers.connection === 'close').length;
    expect(ends).toBeGreaterThan(0);
    expect((await sendAlone(port, claim('late', coupon)))?.status).toBe(200);
  });

  it('a connection beyond the limit serves every request once there is room', async () => {
    const { port } = service.client;
    const { coupon, busy, release } = await fill();
    const waiting = await openOne(port);
    // The service has accepted it, since it has answered a later connection.
    expect((await sendAlone(port, get('/livez')))?.status).toBe(200);
    await release();
    await Promise.all(busy.map((connection) => connection.answer()));
    for (const connection of busy.slice(0, 5)) connection.end();
    await waitFor('room', async () => {
      return (await metricsOf(port))('firstcome_http_connections') < max - 2;
    });
    const answer = await waiting.send(claim('late', coupon));
    expect(answer?.status).toBe(200);
    expect(answer?.headers.connection).toBe('keep-alive');
  });

  it('silent connections beyond the limit do not shut out health checks', async () => {
    const { port } = service.client;
    const { release } = await fill();
    try {
      const silent: RawConnection[] = [];
      for (const _ of range(3)) {
        silent.push(...(await open(port, beyond)));
        for (const path of monitored) expect((await sendAlone(port, get(path)))?.status).toBe(200);
      }
      await waitFor('end of most connections', () => openNow(silent) <= beyond);
    } finally {
      await release();
    }
  });

  it('at the limit, a request that does not arrive within a second is 408 and frees its connection', async () => {
    const { port } = service.client;
    const slow = await open(port, max);
    const head = claim('slow', 'none').slice(0, -5);
    for (const [index, connection] of slow.entries()) {
      connection.write(index % 2 === 0 ? 'GET /livez HTTP/1.1\r\nHost: local' : head);
    }
    const served = await waitFor('room', async () => {
      const answer = await sendAlone(port, get('/api/coupons'));
      return answer?.status === 200 ? answer : undefined;
    });
    expect(served.headers.connection).toBe('close');
    const gone = await waitFor('end of a slow one', () => slow.find(({ isClosed }) => isClosed));
    const late = await gone.answer();
    expect(late).toBeDefined();
    if (late !== undefined) expectProblem(late, 'request_timeout');
    expect(late?.headers.connection).toBe('close');
  });

  it('at the limit, a client that still sends a body after its response loses its connection', async () => {
    const { port } = service.client;
    const slowCount = async () =>
      (await metricsOf(port))('firstcome_http_connections_closed_total{reason="slow"}');
    const before = await slowCount();
    const upload = 'POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n';
    const senders = range(max).map(() => net.connect({ port, allowHalfOpen: true }));
    await Promise.all(
      senders.map((sender) => {
        sender.on('error', () => undefined).resume();
        sender.write(upload);
        return once(sender, 'end');
      }),
    );
    const timer = setInterval(() => {
      for (const sender of senders) sender.write('x');
    }, 20);
    try {
      await waitFor(
        'room',
        async () => (await sendAlone(port, get('/api/coupons')))?.status === 200,
      );
    } finally {
      clearInterval(timer);
      for (const sender of senders) sender.destroy();
    }
    expect(await slowCount()).toBeGreaterThan(before);
  });

  it('near the limit, the response to a malformed path ends its connection like any other', async () => {
    const { port } = service.client;
    const coupon = await service.createCoupon({ amount: 100 });
    const held = await holdCoupon(service.database, coupon);
    try {
      const busy = await open(port, max - 2);
      for (const [index, one] of busy.entries()) one.write(claim(`user-${index}`, coupon));
      await waitFor('all claims', async () => {
        return (await metricsOf(port))('firstcome_claims_waiting') === max - 2;
      });
      const answer = await sendAlone(port, get('/api/coupons/%zz'));
      expect(answer?.status).toBe(400);
      expect(answer?.headers.connection).toBe('close');
    } finally {
      await held.release();
    }
  });

  it('at the limit, a connection that has sent nothing is closed after a moment', async () => {
    const { port } = service.client;
    const silent = await open(port, max);
    // At first the service assumes that all of them are about to send a request.
    const first = await sendAlone(port, get('/api/coupons'));
    if (first?.status === 503) expectProblem(first, 'overloaded');
    await waitFor('room', async () => {
      const answer = await sendAlone(port, get('/api/coupons'));
      return answer?.status === 200;
    });
    await waitFor('end of a silent one', () => openNow(silent) < max);
    expect(silent.map(({ received }) => received).join('')).toBe('');
  });
});

describe.runIf(process.platform === 'linux')('connections to a second address of localhost', () => {
  const max = 10;
  const further = '127.0.0.2';
  const { lookup } = dns;
  beforeAll(() => {
    // Most machines have two addresses for localhost. Every Linux has this second one.
    const both = (
      host: string,
      options: dns.LookupAllOptions,
      done: (...args: unknown[]) => void,
    ) =>
      host === 'localhost' && options.all
        ? done(null, [
            { address: '127.0.0.1', family: 4 },
            { address: further, family: 4 },
          ])
        : lookup(host, options, done);
    vi.spyOn(dns, 'lookup').mockImplementation(both as never);
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });
  const service = useService({ HOST: 'localhost', HTTP_CONNECTIONS_MAX: String(max) });

  it('connections to a second address of localhost count towards the limit', async () => {
    const { port } = service.client;
    const first = await openIdle(port, max);
    const second = await openIdle(port, max, further);
    await waitFor('end of the first', () => openNow(first) === 0);
    expect(openNow(second)).toBe(max - 1);
  });

  it('a second address of localhost checks heads and answers errors like the first', async () => {
    const { port } = service.client;
    const send = async (request: string) => {
      const answer = await (await openOne(port, further)).send(request);
      expect(answer, request.slice(0, 60)).toBeDefined();
      return answer as Answer;
    };
    // Node keeps a thousand header lines by default and would drop the second Host after them.
    const lines = 'X:\r\n'.repeat(2000);
    const repeated = `GET /livez HTTP/1.1\r\nHost: localhost\r\n${lines}Host: other\r\n\r\n`;
    expectProblem(await send(repeated), 'invalid_request');
    expectProblem(await send('no request\r\n\r\n'), 'invalid_request');
    expectProblem(
      await send(`GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      'header_too_large',
    );
    const expecting = 'GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\n\r\n';
    expect((await send(expecting)).status).toBe(200);
    const large = await send(
      'POST /api/coupons/claim HTTP/1.1\r\nHost: localhost\r\n' +
        'Expect: 100-continue\r\nContent-Length: 16385\r\n\r\n',
    );
    expectProblem(large, 'body_too_large');
  });
});

describe('a stop', () => {
  // Longer than the timeout of the test.
  const service = useService({ SHUTDOWN_TIMEOUT_MS: '600000' });

  it('a stop does not wait for a connection that has sent nothing', async () => {
    const { port } = service.client;
    const silent = await openOne(port);
    // The service has accepted it, since it has answered a later connection.
    expect((await sendAlone(port, get('/livez')))?.status).toBe(200);
    await service.app.stop();
    await silent.closed;
    expect(silent.received).toBe('');
  });

  it('a stop answers every request that was pipelined before it', async () => {
    await service.withAnother({}, async (other) => {
      const { app, client, database } = other;
      const coupon = await other.createCoupon();
      const held = await holdCoupon(database, coupon);
      const connection = await openOne(client.port);
      const users = ['ada', 'bob', 'eve'];
      connection.write(users.map((user) => claim(user, coupon)).join(''));
      await waitFor('all claims', async () => {
        return (await metricsOf(client.port))('firstcome_claims_waiting') === users.length;
      });
      const stopped = app.stop();
      await waitFor('refused connection', () =>
        client.get('/livez').then(
          () => false,
          () => true,
        ),
      );
      await held.release();
      const answers = [];
      for (const _ of users) answers.push(await connection.answer());
      expect(answers.map((answer) => answer?.json?.user_id)).toEqual(users);
      expect(answers.at(-1)?.headers.connection).toBe('close');
      await connection.closed;
      await stopped;
    });
  });
});

describe('requests that are pipelined on one connection', () => {
  const service = useService();
  const pipelinedMax = 1000;

  it('pipelined requests beyond a thousand are refused, and all are answered in order', async () => {
    const { port } = service.client;
    const coupon = await service.createCoupon({ amount: 1100 });
    const held = await holdCoupon(service.database, coupon);
    const connection = await openOne(port);
    const users = range(pipelinedMax + 20).map((index) => `user-${index}`);
    connection.write(users.map((user) => claim(user, coupon)).join(''));
    try {
      await waitFor('claims', async () => {
        return (await metricsOf(port))('firstcome_claims_waiting') >= pipelinedMax;
      });
    } finally {
      await held.release();
    }
    for (const [index, user] of users.entries()) {
      const answer = (await connection.answer()) as Answer;
      if (index < pipelinedMax) expect(answer.json).toMatchObject({ user_id: user });
      else expectProblem(answer, 'overloaded');
    }
    const claims = (await service.client.get(pathOf(coupon))).json.claimed_by;
    expect(claims).toEqual(users.slice(0, pipelinedMax));
    // The connection still serves requests.
    expect((await connection.send(claim('later', coupon)))?.status).toBe(200);
  });
});
