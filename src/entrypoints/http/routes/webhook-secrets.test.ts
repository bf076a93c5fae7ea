// SPDX-License-Identifier: GPL-3.0-or-later
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../core/secret.ts';
import type { Webhook } from '../../../core/webhooks/webhook.ts';
import type { HttpDependencies } from '../route.ts';
import { createHttpServer, type HttpServer } from '../server.ts';

const options = {
  ...{ headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 },
  ...{ connectionsMax: 100, headerBytesMax: 16_384, loopbackOnly: true },
  ...{ allowedHosts: [], corsOrigins: [] },
  apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
};

const unused = () => Promise.reject(new Error('this test does not use it'));
const webhook: Webhook = {
  webhookId: '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40',
  url: 'https://shop.example/token-in-path',
  ...{ events: ['claim.confirmed'], couponName: null, createdAt: '2030-01-31T18:00:00.000000Z' },
  ...{ disabledAt: null, disabledReason: null },
};
const secret = new Secret('whsec_c2VjcmV0');

let logged: unknown[] = [];
const record = (event: Record<string, unknown>, message: string) => {
  logged.push(event, message);
};

const dependencies: HttpDependencies = {
  createWebhook: async () => ({ webhook, secret }),
  enableWebhook: async () => webhook,
  rotateWebhookSecret: async () => ({ webhook, secret }),
  deleteWebhook: async () => undefined,
  redeliverEvents: async () => 1,
  testWebhook: async () => ({ eventId: 'evt_test_1', status: 204, error: null }),
  readWebhooks: { list: unused, read: unused, listDeliveries: unused },
  ...{ readSagas: { list: unused, read: unused }, retrySaga: unused, resolveSaga: unused },
  ...{ claimCoupon: unused, newClaimId: () => '', claimRefused: () => undefined },
  readCoupons: { read: unused, assertExists: unused, list: unused },
  ...{ createCoupon: unused, changeCoupon: unused, addStock: unused, changeClaim: unused },
  readClaims: { find: unused, list: unused, listOfUser: unused, exportAll: unused },
  readOperatorLog: unused,
  lostHistory: { read: unused, accept: unused },
  checkHealth: unused,
  healthFacts: { version: '1.2.3', database: 'external', anonymousAdmin: false },
  metricsText: unused,
  metricsType: 'text/plain',
  callAnswered: () => undefined,
  claimsArrived: () => undefined,
  log: { error: record, info: record, warn: record, debug: record },
};

let server: HttpServer;

beforeAll(async () => {
  server = await createHttpServer(options, dependencies);
});
afterAll(() => server.app.close());

describe('the calls of webhooks', () => {
  it.each([
    ['POST', '/api/webhooks', 'webhook created', true],
    ['POST', '/api/webhooks/w/rotate-secret', 'webhook secret rotated', true],
    ['POST', '/api/webhooks/w/enable', 'webhook enabled', false],
    ['POST', '/api/webhooks/w/redeliver', 'events are sent again', false],
    ['DELETE', '/api/webhooks/w', 'webhook deleted', false],
  ] as const)(
    '%s %s is logged without the secret and the URL',
    async (method, url, message, shows) => {
      logged = [];
      const created = { url: webhook.url, events: webhook.events };
      const payload = url.endsWith('redeliver') ? { event_id: 'evt_1' } : created;
      const hasBody = url === '/api/webhooks' || url.endsWith('redeliver');
      const answer = await server.app.inject({ method, url, ...(hasBody && { payload }) });
      expect(answer.statusCode, answer.body).toBeLessThan(300);
      expect(answer.body.includes(secret.reveal())).toBe(shows);
      expect(logged).toContain(message);
      const text = inspect(logged, { depth: 9 }) + JSON.stringify(logged);
      expect(text).not.toContain(secret.reveal());
      expect(text).not.toContain('token-in-path');
    },
  );
});
