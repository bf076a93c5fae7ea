// SPDX-License-Identifier: GPL-3.0-or-later
/** Event streams of a node whose coupon sells on another node, with a Redis that fails meanwhile. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pathOf, useService } from '../support/contract-service.ts';
import { EventClient } from '../support/event-client.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';

const streams: EventClient[] = [];

describe.skipIf(!(await hasRedis()))('an event stream with Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  afterAll(() => redis.remove());
  const service = useService();

  /** Opens a stream on one node, and runs the rest with another node that sells. */
  async function follow(
    run: (stream: EventClient, sell: (user: string) => Promise<unknown>) => Promise<void>,
  ) {
    const env = { REDIS_URL: redis.url };
    await service.withAnother(env, async (reader) => {
      await service.withAnother(env, async (seller) => {
        const coupon = await seller.createCoupon();
        const stream = await EventClient.open(reader.client.url, pathOf(coupon, 'events'));
        streams.push(stream);
        await stream.until({ remaining_amount: 10 });
        await run(stream, (user) => seller.mustClaim(coupon, { user }));
      });
    });
  }

  it('shows what another node sells', () =>
    follow(async (stream, sell) => {
      for (const remaining of [9, 8, 7]) {
        await sell(`user-${remaining}`);
        await stream.until({ remaining_amount: remaining });
      }
    }));

  it.each([
    ['frozen', () => redis.freeze(), () => redis.resume()],
    ['away', () => redis.stop(), () => redis.start()],
  ] as const)(
    'goes on from the database while Redis is %s, and after that',
    async (_how, fail, end) => {
      await follow(async (stream, sell) => {
        await fail();
        try {
          await sell('ada');
          await stream.until({ remaining_amount: 9 });
        } finally {
          await end();
        }
        await sell('bob');
        await stream.until({ remaining_amount: 8 });
        expect(stream.isClosed).toBe(false);
      });
    },
  );
});
