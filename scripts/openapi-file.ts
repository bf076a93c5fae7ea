// SPDX-License-Identifier: GPL-3.0-or-later
/** Writes `openapi.json`: the response of `/openapi.json`, for readers who do not run the service. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../src/adapters/system/clock.ts';
import type { HttpDependencies } from '../src/entrypoints/http/route.ts';
import { createHttpServer } from '../src/entrypoints/http/server.ts';
import { StockStreams } from '../src/entrypoints/http/streams/stock-streams.ts';
import { StreamCounts } from '../src/entrypoints/http/streams/stream-counts.ts';
import { TicketStreams } from '../src/entrypoints/http/streams/ticket-streams.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Returns the file as text. Its keys have the order in which the code declares routes and schemas. */
export async function openapiFile(): Promise<string> {
  const { app } = await createHttpServer(options, dependencies);
  try {
    return `${JSON.stringify(app.swagger(), null, 2)}\n`;
  } finally {
    await app.close();
  }
}

const options = {
  headersTimeoutMs: 1000,
  requestTimeoutMs: 1000,
  keepAliveTimeoutMs: 1000,
  connectionsMax: 1,
  headerBytesMax: 16_384,
  loopbackOnly: true,
  allowedHosts: [],
  corsOrigins: [],
  apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
};

// The server describes its routes and never receives a request.
const uncalled = () => {
  throw new Error('this server is not for requests');
};

const counts = new StreamCounts(1);
const tickets = { read: uncalled, follow: uncalled };

const dependencies: HttpDependencies = {
  claimCoupon: uncalled,
  newClaimId: uncalled,
  claimRefused: uncalled,
  readCoupons: { read: uncalled, assertExists: uncalled, list: uncalled },
  ...{ createCoupon: uncalled, changeCoupon: uncalled, addStock: uncalled },
  changeClaim: uncalled,
  readClaims: { find: uncalled, list: uncalled, listOfUser: uncalled, exportAll: uncalled },
  readOperatorLog: uncalled,
  lostHistory: { read: uncalled, accept: uncalled },
  readWebhooks: { list: uncalled, read: uncalled, listDeliveries: uncalled },
  ...{
    createWebhook: uncalled,
    deleteWebhook: uncalled,
    enableWebhook: uncalled,
    rotateWebhookSecret: uncalled,
  },
  ...{ redeliverEvents: uncalled, testWebhook: uncalled },
  readSagas: { list: uncalled, read: uncalled },
  ...{ retrySaga: uncalled, resolveSaga: uncalled },
  stockStreams: new StockStreams({
    ...{ counts, writesPerSecondMax: 1, clock: systemClock, random: uncalled },
    views: { read: uncalled, watch: uncalled, changed: uncalled },
  }),
  tickets: {
    takesClaims: true,
    read: tickets,
    streams: new TicketStreams({ tickets, counts, clock: systemClock, random: uncalled }),
  },
  deadLetters: { list: uncalled, show: uncalled, redrive: uncalled, discard: uncalled },
  checkHealth: uncalled,
  healthFacts: { version, database: 'bundled', anonymousAdmin: false },
  metricsText: uncalled,
  metricsType: 'text/plain',
  callAnswered: uncalled,
  claimsArrived: uncalled,
  log: { error: uncalled, warn: uncalled, info: uncalled },
};
