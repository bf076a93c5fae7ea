// SPDX-License-Identifier: GPL-3.0-or-later
import { secret, wholeNumber } from '../kinds.ts';
import { shownRedisUrl, whyNoRedisUrl } from '../redis-url.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of Redis, and of what it caches. */
export const redisGroup = {
  heading: 'Redis',
  introduction:
    'What many nodes share besides the database: see [scaling.md](scaling.md), and [caching.md](caching.md) for reads. Redis never decides a claim, and the service goes on without it.',
  settings: {
    redis: {
      url: secret({
        variable: 'REDIS_URL',
        isValid: (text) => whyNoRedisUrl(text) === undefined,
        explain: whyNoRedisUrl,
        show: shownRedisUrl,
        allowed:
          'redis://, rediss://, or redis+sentinel:// or rediss+sentinel://h1:26379,h2:26379/<name of the master>, with user and password if needed',
        help: 'Redis for stock views, notifications, rate limits and duties of many nodes. Unset: none of it is shared.',
      }),
      stockCacheMaxAgeMs: wholeNumber({
        variable: 'STOCK_CACHE_MAX_AGE_MS',
        default: 0,
        min: 0,
        max: 60_000,
        unit: 'milliseconds',
        help: 'Age that a read or list of coupons without Cache-Control may have; 0: each such read is fresh. Needs REDIS_URL.',
      }),
    },
  },
} satisfies SettingGroup;
