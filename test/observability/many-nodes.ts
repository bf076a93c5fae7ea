// SPDX-License-Identifier: GPL-3.0-or-later
/** The scenarios of alerts about what many nodes use: Redis, event streams, user tokens and rate limits. */
import { lastFor } from '../support/last-for.ts';
import { newSigningKey, signToken } from '../support/user-tokens.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Scenario, ScenarioContext } from './scenarios.ts';
import { until } from './until.ts';

const readEveryMs = 200;
const streamsMax = 10;
// Far more than a drill sends.
const requestsMax = 1_000_000;

/** Settings of the service whose limits the scenarios reach. */
export const settingsOfManyNodes = {
  EVENT_STREAMS_MAX: String(streamsMax),
  RATE_LIMIT_ALL: `${requestsMax}/10s`,
};

/** The scenario of each alert about many nodes. */
export const scenariosOfManyNodes: Record<string, Scenario> = {
  FirstcomeEventStreamsNearLimit: async (context) => {
    await createCoupon(context);
    await withStreams(context, streamsMax);
  },

  FirstcomeRedisAway: async ({ redis, over }) => {
    await redis.stop();
    await until(over);
    await redis.start();
  },

  FirstcomeRedisRefuses: async (context) => {
    const { redis } = context;
    await createCoupon(context);
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await readCached(context);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  },

  FirstcomeUserTokenKeysUnreachable: async ({ node, shop, over }) => {
    shop.answers['/keys'] = 500;
    const token = await signToken(newSigningKey('EdDSA', 'unknown'));
    const headers = { authorization: `Bearer ${token}` };
    // An unknown key makes the service fetch the keys again.
    while (!over.aborted) {
      await fetch(`${node.url}/api/coupons/any/claims/ada`, { headers });
      await lastFor(readEveryMs);
    }
    shop.recover();
  },

  // As other nodes do whose callers use up the window.
  FirstcomeAllCallersLimited: async ({ node, redis, over }) => {
    while (!over.aborted) {
      await fetch(`${node.url}/api/coupons`);
      const keys = (await redis.command('KEYS', '*limit:all:*')) as string[];
      for (const key of keys) await redis.command('INCRBY', key, requestsMax);
      await lastFor(readEveryMs);
    }
    // Until the window ends the service refuses the requests of the next scenario too.
    await untilAllowed(node.url);
  },
};

/** Opens a stream and makes reads that accept a cached view, until `over` aborts. */
export async function useManyNodes(context: ScenarioContext): Promise<void> {
  await createCoupon(context);
  await Promise.all([withStreams(context, 1), readCached(context)]);
}

async function createCoupon({ node }: ScenarioContext): Promise<void> {
  const body = JSON.stringify({ name: 'watched', amount: 1 });
  await fetch(`${node.url}/api/coupons`, { method: 'POST', body });
}

async function readCached({ node, over }: ScenarioContext): Promise<void> {
  const headers = { 'cache-control': 'max-age=1' };
  while (!over.aborted) {
    const answer = await fetch(`${node.url}/api/coupons/watched`, { headers });
    await answer.arrayBuffer();
    await lastFor(readEveryMs);
  }
}

async function withStreams({ node, over }: ScenarioContext, count: number): Promise<void> {
  // A response that is collected as garbage closes its stream.
  const opened: Response[] = [];
  while (opened.length < count) {
    const response = await fetch(`${node.url}/api/coupons/watched/events`);
    if (response.status !== 200) throw new Error(`the stream was not opened: ${response.status}`);
    opened.push(response);
  }
  await until(over);
  await Promise.all(opened.map(({ body }) => body?.cancel()));
}

async function untilAllowed(url: string): Promise<void> {
  await waitFor('end of the window', async () => (await fetch(`${url}/api/coupons`)).ok);
}
