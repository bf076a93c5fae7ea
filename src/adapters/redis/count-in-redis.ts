// SPDX-License-Identifier: GPL-3.0-or-later
/** Counts the requests of rate limits for all nodes together. */
import type { Redis } from 'ioredis';
import type { Rate } from '../../core/limits/rate.ts';
import type { SharedCounts, WindowCount } from '../../core/limits/rate-limit.ts';
import type { RedisConnection } from './redis.ts';

// Arguments: the milliseconds of a window, and the requests to add for each key. A window that would end later than a new one
// is one whose end was written before the clock of Redis was set back: it would keep its key blocked for as long as the step.
const lua = `
local windowMs = tonumber(ARGV[1])
local counts = {}
for index, key in ipairs(KEYS) do
  local requests = ARGV[index + 1]
  local leftMs = redis.call('pttl', key)
  if leftMs < 0 or leftMs > windowMs then
    redis.call('set', key, requests, 'px', windowMs)
    counts[index] = { tonumber(requests), windowMs }
  else
    counts[index] = { redis.call('incrby', key, requests), leftMs }
  end
end
return counts
`;

/** The client with the command that `countInRedis` has added. Its first argument is the number of keys. */
type CountingClient = Redis & {
  addToWindows(keys: number, ...keysAndArguments: (string | number)[]): Promise<[number, number][]>;
};

/** The counts of one limit. Nodes whose windows have the same length count together. */
export function countInRedis(
  redis: Pick<RedisConnection, 'client' | 'prefix' | 'run'>,
  name: string,
  { seconds }: Rate,
): SharedCounts {
  redis.client.defineCommand('addToWindows', { lua });
  const prefix = `${redis.prefix}limit:${name}:${seconds}:`;
  const addEach = async (requests: ReadonlyMap<string, number>): Promise<WindowCount[]> => {
    const keys = [...requests.keys()].map((key) => prefix + key);
    const counts = await redis.run((client) =>
      (client as CountingClient).addToWindows(
        keys.length,
        ...keys,
        seconds * 1000,
        ...requests.values(),
      ),
    );
    return counts.map(([count, endsInMs]) => ({ requests: count, endsInMs }));
  };
  return {
    addEach,
    async add(key, count) {
      const [window] = await addEach(new Map([[key, count]]));
      return window as WindowCount;
    },
  };
}
