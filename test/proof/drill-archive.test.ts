// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { archiveCoupons } from '../../src/proof/drill/archive-coupons.ts';
import { type FakeService, startFakeService } from '../support/drill-fake-service.ts';
import { runDrillHere } from '../support/drill-history.ts';
import { waitFor } from '../support/wait-for.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function startService(): Promise<FakeService> {
  const service = await startFakeService({ nodes: 2 });
  closers.push(service.close);
  return service;
}

/** A node that answers every request with this status, or drops the connection. */
async function startNode(status: number | 'drop') {
  const received: { method?: string; path?: string; body: string; authorization?: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    received.push({
      ...(method && { method }),
      ...(url && { path: url }),
      ...(headers.authorization && { authorization: headers.authorization }),
      body,
    });
    if (status === 'drop') response.socket?.destroy();
    else response.writeHead(status, { Connection: 'close' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

const archivesOf = ({ requests }: FakeService) =>
  requests.filter(({ method }) => method === 'PATCH').map(({ path }) => path);

describe('the end of a drill', () => {
  it('a drill archives each of its coupons once, after its last request', async () => {
    const service = await startService();
    await runDrillHere({
      ...{ scenario: 'mixed', urls: service.urls, seed: 5, coupon: 'c', seconds: 0.5 },
      ...{ rate: 50, timeoutMs: 120_000 },
    });
    const created = [...service.sale.coupons.keys()];
    expect(created.length).toBeGreaterThan(1);
    const paths = created.map((name) => `/api/coupons/${encodeURIComponent(name)}`);
    expect(archivesOf(service).toSorted()).toEqual(paths.toSorted());
    const last = service.requests.slice(-created.length);
    expect(last.every(({ method }) => method === 'PATCH')).toBe(true);
  });

  it('a drill that is interrupted archives its coupon', async () => {
    const service = await startService();
    const controller = new AbortController();
    await Promise.all([
      runDrillHere(
        {
          scenario: 'flash-sale',
          urls: service.urls,
          seed: 1,
          seconds: 60,
          rate: 200,
          coupon: 'c',
        },
        controller.signal,
      ),
      waitFor('load', () => service.requests.length > 40).finally(() => controller.abort()),
    ]);
    expect(archivesOf(service)).toEqual(['/api/coupons/c']);
  });
});

describe('archiving the coupons of a drill', () => {
  const options = { adminApiKey: undefined, timeoutMs: 120_000 };

  it('archiving sends the admin key and asks for nothing else', async () => {
    const node = await startNode(200);
    const names = ['a b/c', 'd'];
    const withKey = { ...options, urls: [node.url], adminApiKey: 'the key' };
    expect(await archiveCoupons(names, withKey)).toEqual([]);
    const request = { method: 'PATCH', body: '{"archived":true}', authorization: 'Bearer the key' };
    expect(node.received).toHaveLength(2);
    expect(node.received).toContainEqual({ ...request, path: '/api/coupons/a%20b%2Fc' });
  });

  it.each([400, 404, 405])(
    'a service without archives, which answers %i, is left as it is',
    async (status) => {
      const node = await startNode(status);
      expect(await archiveCoupons(['c'], { ...options, urls: [node.url] })).toEqual([]);
      expect(node.received).toHaveLength(1);
    },
  );

  it('a node that fails is followed by the next one', async () => {
    const nodes = [await startNode('drop'), await startNode(503), await startNode(200)];
    const urls = nodes.map(({ url }) => url);
    expect(await archiveCoupons(['c'], { ...options, urls })).toEqual([]);
    expect(nodes.map(({ received }) => received.length)).toEqual([1, 1, 1]);
  });

  it('coupons that no node archives are returned', async () => {
    const nodes = [await startNode(401), await startNode('drop')];
    const urls = nodes.map(({ url }) => url);
    expect(await archiveCoupons(['c', 'd'], { ...options, urls })).toEqual(['c', 'd']);
  });
});
