// SPDX-License-Identifier: GPL-3.0-or-later
/** Event streams through the balancer: its time limits do not cut them, and they leave connections for claims. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { problems } from '../../src/entrypoints/http/problems/problem-kinds.ts';
import { heartbeatMs } from '../../src/entrypoints/http/streams/heartbeats.ts';
import {
  type Balancer,
  balancerConfiguration,
  findHaproxy,
  startBalancer,
} from '../support/haproxy.ts';
import { get, RawConnection } from '../support/raw-connection.ts';
import { retryIfStalled } from '../support/retry-if-stalled.ts';
import { waitFor } from '../support/wait-for.ts';

const found = findHaproxy();
// The limits of a test, and what is much more often: only a machine that stands still for a second exceeds them.
const limitMs = 1_500;
const beatMs = 100;
// Much longer than the limits would allow without heartbeats.
const beatsInAll = 40;
const path = '/api/coupons/LAUNCH/events';
const timeLimit = /^( +timeout (?:client|server) )(\d+)s$/gm;

describe('the time limits of the balancer', () => {
  it('are twice the heartbeat of event streams, so that one that is late cuts no stream', () => {
    const limits = [...readFileSync(balancerConfiguration, 'utf8').matchAll(timeLimit)];
    expect(limits).toHaveLength(2);
    for (const [, , seconds] of limits) {
      expect(Number(seconds) * 1000).toBeGreaterThanOrEqual(2 * heartbeatMs);
    }
  });
});

describe.skipIf(found === undefined)('event streams through the balancer', () => {
  let node: Server;
  let folder: string;
  let balancer: Balancer | undefined;
  const open: RawConnection[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'firstcome-balancer-'));
    node = createServer((request, response) => {
      if (request.url !== path) {
        response.end(JSON.stringify(request.headers));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: stock\n\n');
      const beating = setInterval(() => response.write(':\n\n'), beatMs);
      request.socket.once('close', () => clearInterval(beating));
    });
    node.listen(0, '127.0.0.1');
    await once(node, 'listening');
  });

  afterEach(async () => {
    for (const connection of open.splice(0)) connection.end();
    await balancer?.stop();
    balancer = undefined;
  });

  afterAll(() => {
    node.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(text: string, env: Record<string, string> = {}): Promise<number> {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, text);
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    balancer = await startBalancer(found ?? '', [url, url, url], [], env, file);
    return Number(new URL(balancer.url).port);
  }

  async function openStream(port: number): Promise<RawConnection> {
    const connection = await RawConnection.open(port);
    open.push(connection);
    connection.write(get(path));
    await waitFor('answer', () => connection.received.includes('\r\n\r\n'));
    return connection;
  }

  it('a stream with heartbeats lasts longer than each time limit', async () => {
    const shipped = readFileSync(balancerConfiguration, 'utf8');
    const text = shipped.replaceAll(timeLimit, (_, name) => `${name}${limitMs}ms`);
    const port = await start(text);
    await retryIfStalled(async () => {
      const stream = await openStream(port);
      const beats = () => stream.received.split('\n:\n').length - 1;
      await waitFor('heartbeats', () => stream.isClosed || beats() >= beatsInAll);
      expect(stream.isClosed).toBe(false);
    });
  });

  it('streams leave connections for claims', async () => {
    const text = readFileSync(balancerConfiguration, 'utf8');
    const port = await start(text, { CONNECTIONS_WITH_STREAMS_MAX: '3' });
    const isOpen = ({ received }: RawConnection) => received.startsWith('HTTP/1.1 200 OK');
    expect(isOpen(await openStream(port))).toBe(true);
    // The check of the start has a connection too, for some seconds.
    await waitFor('refusal', async () => !isOpen(await openStream(port)));
    expect(open.filter(isOpen).length).toBeLessThanOrEqual(3);
    const connection = await RawConnection.open(port);
    open.push(connection);
    const refused = await connection.send(get(path));
    const { title, error, effect, status } = problems.overloaded;
    expect(refused?.json).toMatchObject({ code: 'overloaded', title, error, effect, status });
    expect(refused?.headers['retry-after']).toBe('3');
    expect((await connection.send(get('/api/coupons/LAUNCH')))?.status).toBe(200);
  });

  it('a node gets the address of the client as the last one in X-Forwarded-For', async () => {
    const port = await start(readFileSync(balancerConfiguration, 'utf8'));
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { 'x-forwarded-for': '192.0.2.1' },
    });
    expect(await answer.json()).toMatchObject({ 'x-forwarded-for': '192.0.2.1, 127.0.0.1' });
  });
});
