// SPDX-License-Identifier: GPL-3.0-or-later
/** The limit of the balancer on the requests of one client address. */
import { once } from 'node:events';
import { Agent, createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Balancer, findHaproxy, startBalancer } from '../support/haproxy.ts';

const found = findHaproxy();
const requestsMax = 20;

describe.skipIf(found === undefined)('the limit of the balancer on a client address', () => {
  let node: Server;
  let served = 0;
  let forwardedFor: unknown[] = [];
  let balancer: Balancer | undefined;

  beforeAll(async () => {
    node = createServer((request, response) => {
      if (request.url === '/claim') {
        served += 1;
        forwardedFor.push(request.headers['x-forwarded-for']);
      }
      response.end('{}');
    });
    node.listen(0, '127.0.0.1');
    await once(node, 'listening');
  });

  afterEach(async () => {
    await balancer?.stop();
    balancer = undefined;
    served = 0;
    forwardedFor = [];
  });

  afterAll(() => {
    node.close().closeAllConnections();
  });

  async function start(env: Record<string, string>): Promise<Balancer> {
    const url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    balancer = await startBalancer(found ?? '', [url, url, url], [], env);
    return balancer;
  }

  /** The statuses of twice as many requests as the limit allows, from a loopback address. */
  async function statusesFrom(localAddress: string, { url }: Balancer): Promise<number[]> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress });
    const statuses: number[] = [];
    for (let count = 0; count < 2 * requestsMax; count += 1) {
      const [response] = await once(get(`${url}/claim`, { agent }), 'response');
      statuses.push(response.statusCode);
      await once(response.resume(), 'end');
    }
    agent.destroy();
    return statuses;
  }

  it('an address beyond the limit gets 429, which reaches no node, and another address is served', async () => {
    const limited = await start({ CLIENT_REQUESTS_PER_10S_MAX: String(requestsMax) });
    const statuses = await statusesFrom('127.0.0.2', limited);
    expect(statuses.slice(0, requestsMax).every((status) => status === 200)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
    expect(served).toBe(statuses.filter((status) => status === 200).length);
    const [first] = await statusesFrom('127.0.0.3', limited);
    expect(first).toBe(200);
  });

  it('a node gets the address of the client at the end of X-Forwarded-For, whatever the client has written', async () => {
    const { url } = await start({});
    for (const headers of [{}, { 'X-Forwarded-For': '192.0.2.1' }]) {
      const agent = new Agent({ localAddress: '127.0.0.2' });
      const [response] = await once(get(`${url}/claim`, { agent, headers }), 'response');
      await once(response.resume(), 'end');
      agent.destroy();
    }
    expect(forwardedFor).toEqual(['127.0.0.2', '192.0.2.1, 127.0.0.2']);
  });

  it.each([
    ['without the setting', {}],
    ['with an empty setting', { CLIENT_REQUESTS_PER_10S_MAX: '' }],
  ])('%s there is no limit', async (_what, env) => {
    const statuses = await statusesFrom('127.0.0.2', await start(env));
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
