// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes what the nodes of a service share besides the database. Nothing of it is loaded without `REDIS_URL`. */
import type { MetricSources } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { newId } from '../adapters/system/ids.ts';
import { readRedisUrl } from '../config/redis-url.ts';
import type { Config } from '../config.ts';
import type { DutyMutex } from '../core/duties/duty-mutex.ts';
import type { SharedBatches } from '../core/history/ports.ts';
import { invariant } from '../core/invariant.ts';
import type { Rate } from '../core/limits/rate.ts';
import type { LimitName, SharedCounts } from '../core/limits/rate-limit.ts';
import type { StockNotifications } from '../core/stock/stock-notifications.ts';
import type { SharedStockViews } from '../core/stock/stock-view.ts';
import type { PlainLog } from './logger.ts';
import { packageMissingFor } from './missing-package.ts';

/** What the nodes share. */
export type SharedByNodes = {
  /** What the metrics show of Redis. */
  metrics: NonNullable<MetricSources['redis']>;
  stockViews: SharedStockViews;
  notifications: StockNotifications;
  dutyMutex: DutyMutex;
  acknowledged: SharedBatches;
  /** Counts the requests of a rate limit for all nodes together. Loads what it needs at the first call. */
  countRequests(limit: LimitName, rate: Rate): Promise<SharedCounts>;
  close(): Promise<void>;
};

/** Opens what the nodes share; undefined without `REDIS_URL`. Rejects where its package is not installed. */
export async function openSharedByNodes({
  config,
  installationId,
  log,
}: {
  config: Config;
  installationId: string;
  log: PlainLog;
}): Promise<SharedByNodes | undefined> {
  if (config.redis.url === undefined) return undefined;
  const target = readRedisUrl(config.redis.url.reveal());
  // The check of the settings has found no mistake.
  invariant('hosts' in target, 'REDIS_URL was checked');
  const [
    { RedisConnection },
    { redisStockViews },
    { redisStockNotifications },
    { redisDutyMutex },
    { redisSharedBatches },
  ] = await Promise.all([
    import('../adapters/redis/redis.ts'),
    import('../adapters/redis/stock-views.ts'),
    import('../adapters/redis/stock-notifications.ts'),
    import('../adapters/redis/duty-mutex.ts'),
    import('../adapters/redis/acknowledged-batches.ts'),
  ]).catch(packageMissingFor('REDIS_URL'));
  const redis = new RedisConnection({
    ...{ target, prefix: `firstcome:${installationId}:`, clock: systemClock, log },
  });
  const notifications = redisStockNotifications(redis, newId());
  const dutyMutex = redisDutyMutex(redis);
  return {
    ...{ stockViews: redisStockViews(redis), notifications, dutyMutex },
    acknowledged: redisSharedBatches(redis, { processId: newId(), identity: installationId }),
    metrics: () => ({
      ...{ ...redis.state(), notifications: notifications.counts() },
      dutyMutex: dutyMutex.counts(),
    }),
    async countRequests(limit, rate) {
      const { countInRedis } = await import('../adapters/redis/count-in-redis.ts').catch(
        packageMissingFor('REDIS_URL'),
      );
      return countInRedis(redis, limit, rate);
    },
    close: () => redis.close(),
  };
}
