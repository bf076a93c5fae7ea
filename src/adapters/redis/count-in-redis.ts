// SPDX-License-Identifier: GPL-3.0-or-later
/** Counts the requests of rate limits for all nodes together. */
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Rate } from '../../core/limits/rate.ts';
import type { SharedCounts } from '../../core/limits/rate-limit.ts';
import type { RedisConnection } from './redis.ts';

// Arguments: the requests to add, and the seconds of a window. A window that would end later than a new one is one whose
// end was written before the clock of Redis was set back: it would keep its key blocked for as long as the step.
const addToWindow = `
local leftMs = redis.call('pttl', KEYS[1])
local windowMs = ARGV[2] * 1000
if leftMs < 0 or leftMs > windowMs then
  redis.call('set', KEYS[1], ARGV[1], 'px', windowMs)
  return { tonumber(ARGV[1]), windowMs }
end
return { redis.call('incrby', KEYS[1], ARGV[1]), leftMs }
`;

/** The counts of one limit. Nodes whose windows have the same length count together. */
export function countInRedis(
  redis: Pick<RedisConnection, 'client' | 'prefix' | 'run'>,
  name: string,
  { requests, seconds }: Rate,
): SharedCounts {
  const windows = new RateLimiterRedis({
    ...{ storeClient: redis.client, points: requests, duration: seconds },
    keyPrefix: `${redis.prefix}limit:${name}:${seconds}`,
    customIncrTtlLuaScript: addToWindow,
  });
  return {
    add: (key, count) =>
      redis.run(async () => {
        const window = await windows.penalty(key, count);
        return { requests: window.consumedPoints, endsInMs: window.msBeforeNext };
      }),
  };
}
