// SPDX-License-Identifier: GPL-3.0-or-later
import type { HttpDependencies } from '../../src/entrypoints/http/route.ts';
import {
  createHttpServer,
  type HttpOptions,
  type HttpServer,
} from '../../src/entrypoints/http/server.ts';

const options = {
  ...{ headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, keepAliveTimeoutMs: 60_000 },
  ...{ connectionsMax: 100, headerBytesMax: 16_384, loopbackOnly: true },
  ...{ allowedHosts: [], corsOrigins: [] },
  apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
};

const unused = () => Promise.reject(new Error('this test does not use it'));

/** A server over some use cases. All others fail. */
export function serverOver(
  given: Partial<HttpDependencies>,
  more: Partial<Pick<HttpOptions, 'consoleFolder' | 'corsOrigins'>> = {},
): Promise<HttpServer> {
  return createHttpServer(
    { ...options, ...more },
    {
      claimCoupon: unused,
      newClaimId: () => 'new-claim-id',
      claimRefused: () => undefined,
      readCoupons: { read: unused, assertExists: unused, list: unused },
      ...{ createCoupon: unused, changeCoupon: unused, addStock: unused },
      changeClaim: unused,
      readClaims: { find: unused, list: unused, listOfUser: unused, exportAll: unused },
      readOperatorLog: unused,
      lostHistory: { read: unused, accept: unused },
      readWebhooks: { list: unused, read: unused, listDeliveries: unused },
      ...{ createWebhook: unused, deleteWebhook: unused, enableWebhook: unused },
      ...{ rotateWebhookSecret: unused, redeliverEvents: unused, testWebhook: unused },
      readSagas: { list: unused, read: unused },
      ...{ retrySaga: unused, resolveSaga: unused },
      checkHealth: unused,
      healthFacts: { version: '1.2.3', database: 'external', anonymousAdmin: false },
      metricsText: unused,
      metricsType: 'text/plain',
      callAnswered: () => undefined,
      claimsArrived: () => undefined,
      log: { error: () => undefined, info: () => undefined, warn: () => undefined },
      ...given,
    },
  );
}
