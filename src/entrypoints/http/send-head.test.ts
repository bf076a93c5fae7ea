// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as immediately } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Claim } from '../../core/claims/claim.ts';
import { readClaimsWith } from '../../core/claims/read-claims.ts';
import { couponNotFound } from '../../core/coupons/coupon.ts';
import type { HttpDependencies } from './route.ts';
import { createHttpServer, type HttpServer } from './server.ts';

const claim: Claim = {
  ...{ claimId: '018f4a60-0000-7000-8000-000000000000', couponName: 'some', userId: 'ada' },
  ...{ position: 1, claimedAt: '2030-01-31T18:00:00.000000Z', state: 'confirmed' as const },
};

/** What the routes have requested since the test began. */
let requested: string[] = [];

const answers = <Value>(name: string, value: Value) =>
  (async () => {
    requested.push(name);
    return value;
  }) as never;

const readClaims = readClaimsWith({
  findClaim: answers('find a claim', claim),
  listUserClaims: answers('list the claims of a user', { claims: [], next: null }),
  async listClaims({ afterPosition, limit }) {
    requested.push('list claims');
    await immediately();
    const claims = Array.from({ length: limit }, (_, index) => ({
      ...claim,
      position: afterPosition + index + 1,
    }));
    return { claims, more: afterPosition < claimsMax };
  },
});

// More than all buffers on the way to a client can hold.
const claimsMax = 500_000;

let exportsEnded = 0;

async function* untilEnd(pages: AsyncGenerator<Claim[]>): AsyncGenerator<Claim[]> {
  try {
    yield* pages;
  } finally {
    exportsEnded += 1;
  }
}

const dependencies: HttpDependencies = {
  claimCoupon: answers('claim', undefined),
  newClaimId: answers('new claim id', undefined),
  claimRefused: () => undefined,
  readCoupons: {
    read: answers('read a coupon', undefined),
    list: answers('list coupons', { coupons: [], next: null }),
    async assertExists(name) {
      requested.push('look up a name');
      if (name !== 'some') throw couponNotFound();
    },
  },
  createCoupon: answers('create', undefined),
  changeCoupon: answers('change', undefined),
  addStock: answers('add stock', undefined),
  readClaims: {
    ...readClaims,
    exportAll: async (query) => untilEnd(await readClaims.exportAll(query)),
  },
  changeClaim: answers('change a claim', undefined),
  readOperatorLog: answers('read the operator log', { entries: [], next: undefined }),
  lostHistory: {
    read: answers('read lost history', { batches: [], total: 0, foundUntil: null }),
    accept: answers('accept lost history', 0),
  },
  readWebhooks: {
    list: answers('list webhooks', []),
    read: answers('read a webhook', { events: [] }),
    listDeliveries: answers('list deliveries', { deliveries: [], next: undefined }),
  },
  ...{ createWebhook: answers('create a webhook', undefined) },
  ...{ deleteWebhook: answers('delete a webhook', undefined) },
  ...{ enableWebhook: answers('enable a webhook', undefined) },
  ...{ rotateWebhookSecret: answers('rotate a secret', undefined) },
  ...{ redeliverEvents: answers('redeliver events', undefined) },
  ...{ testWebhook: answers('test a webhook', undefined) },
  readSagas: {
    list: answers('list sagas', { sagas: [], next: null }),
    read: answers('read a saga', { steps: [] }),
  },
  ...{ retrySaga: answers('retry a saga', undefined) },
  ...{ resolveSaga: answers('resolve a saga', undefined) },
  checkHealth: answers('check the health', { healthy: true, durability: 'local' }),
  healthFacts: { version: '1.2.3', database: 'external', anonymousAdmin: false },
  metricsText: answers('collect the metrics', { contentType: 'text/plain', text: '' }),
  metricsType: 'text/plain; version=0.0.4; charset=utf-8',
  callAnswered: () => undefined,
  claimsArrived: () => undefined,
  log: { error: () => undefined, info: () => undefined, warn: () => undefined },
};

let server: HttpServer;
let port: number;

beforeAll(async () => {
  server = await createHttpServer(
    {
      ...{ headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 },
      ...{ connectionsMax: 100, headerBytesMax: 16_384, loopbackOnly: true },
      ...{ allowedHosts: [], corsOrigins: [] },
      apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
    },
    dependencies,
  );
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  port = (server.app.server.address() as AddressInfo).port;
});
afterAll(() => server.app.close());
beforeEach(() => {
  requested = [];
  exportsEnded = 0;
});

/** The response as soon as its head has arrived. */
async function headOf(method: string, path: string, accept?: string) {
  const headers = accept === undefined ? {} : { Accept: accept };
  const request = http.request({ port, host: '127.0.0.1', method, path, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { request, response };
}

const json = 'application/json; charset=utf-8';
const metrics = 'text/plain; version=0.0.4; charset=utf-8';
const route = {
  coupons: '/api/coupons',
  coupon: '/api/coupons/{name}',
  claims: '/api/coupons/{name}/claims',
  claim: '/api/coupons/{name}/claims/{user_id}',
  userClaims: '/api/claims',
  operatorLog: '/api/operator-log',
  lostHistory: '/api/lost-history',
  webhooks: '/api/webhooks',
  webhook: '/api/webhooks/{id}',
  deliveries: '/api/webhooks/{id}/deliveries',
  sagas: '/api/sagas',
  saga: '/api/sagas/{id}',
};
const cases: [path: string, accept: string | undefined, type: string, requested: string[]][] = [
  [route.coupons, undefined, json, []],
  [route.coupon, undefined, json, ['look up a name']],
  [route.claims, undefined, json, ['look up a name']],
  [route.claims, 'text/csv', 'text/csv; charset=utf-8', ['look up a name']],
  [route.claims, 'application/x-ndjson', 'application/x-ndjson', ['look up a name']],
  [route.claim, undefined, json, ['find a claim']],
  [route.userClaims, undefined, json, []],
  [route.operatorLog, undefined, json, []],
  [route.lostHistory, undefined, json, []],
  [route.webhooks, undefined, json, []],
  [route.webhook, undefined, json, ['read a webhook']],
  [route.deliveries, undefined, json, ['read a webhook']],
  [route.sagas, undefined, json, []],
  [route.saga, undefined, json, ['read a saga']],
  ['/health', undefined, json, ['check the health']],
  ['/api/health', undefined, json, ['check the health']],
  ['/readyz', undefined, json, ['check the health']],
  ['/livez', undefined, json, []],
  ['/metrics', undefined, metrics, []],
  ['/openapi.json', undefined, json, []],
  ['/docs', undefined, 'text/html; charset=utf-8', []],
];

const pathOf = (template: string) =>
  template === route.userClaims
    ? `${template}?user_id=ada`
    : template.replace('{name}', 'some').replace('{user_id}', 'ada').replace('{id}', 'some');

describe('HEAD', () => {
  it.each(cases)(
    'HEAD of %s with Accept: %s requests only what its headers need',
    async (template, accept, type, needed) => {
      const { response } = await headOf('HEAD', pathOf(template), accept);
      expect(response.statusCode).toBe(200);
      expect(response.headers['content-type']).toBe(type);
      response.resume();
      await once(response, 'end');
      expect(requested).toEqual(needed);
    },
  );

  it('this file has a case of HEAD for every route with GET', () => {
    const decided = new Set(cases.map(([template]) => template));
    const paths = Object.entries(server.app.swagger().paths ?? {});
    const taken = paths.filter(([, methods]) => methods && 'get' in methods).map(([path]) => path);
    expect(taken.length).toBeGreaterThan(5);
    expect(taken.filter((path) => !decided.has(path))).toEqual([]);
  });

  it('HEAD of an unknown coupon and of its claims is 404', async () => {
    for (const path of ['/api/coupons/none', '/api/coupons/none/claims']) {
      for (const accept of ['application/json', 'text/csv']) {
        const { response } = await headOf('HEAD', path, accept);
        expect(response.statusCode).toBe(404);
        response.resume();
        await once(response, 'end');
      }
    }
    expect(new Set(requested)).toEqual(new Set(['look up a name']));
  });
});

describe('an export', () => {
  it.each(['text/csv', 'application/x-ndjson'])(
    'an export as %s stops reading when its client is gone',
    async (accept) => {
      const { request, response } = await headOf('GET', '/api/coupons/some/claims', accept);
      await once(response, 'data');
      response.on('error', () => undefined);
      expect(exportsEnded).toBe(0);
      request.destroy();
      await waitFor('end of the reading', () => exportsEnded >= 1);
      expect(requested.length).toBeLessThan(claimsMax / 1000);
    },
  );
});
