// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the rate limits. Nothing of them is loaded unless one is set. */
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { gatherRequests } from '../core/limits/gather-requests.ts';
import type { Rate } from '../core/limits/rate.ts';
import {
  keysMax,
  type LimitName,
  limitNames,
  RateLimit,
  withInsurance,
} from '../core/limits/rate-limit.ts';
import type { RateLimits } from '../entrypoints/http/limits/rate-limits.ts';
import { packageMissingFor } from './missing-package.ts';
import type { SharedByNodes } from './shared-by-nodes.ts';

/** The limits that are set; undefined without any. Rejects where their package is not installed. */
export async function openRateLimits({
  config: { rateLimits },
  shared,
  refused,
}: {
  config: Pick<Config, 'rateLimits'>;
  /** Counts of all nodes; undefined: each process counts its own. */
  shared: Pick<SharedByNodes, 'countRequests'> | undefined;
  refused(limit: LimitName): void;
}): Promise<RateLimits | undefined> {
  const rates: Record<LimitName, Rate | undefined> = {
    ip: rateLimits.perIp,
    key: rateLimits.perKey,
    user: rateLimits.perUser,
    all: rateLimits.all,
  };
  const set = limitNames.flatMap((name) => {
    const rate = rates[name];
    return rate === undefined ? [] : [{ name, rate }];
  });
  if (set.length === 0) return undefined;
  const { countInProcess } = await import('../adapters/rate-limits/count-in-process.ts').catch(
    packageMissingFor('RATE_LIMIT_*'),
  );
  const limits: Partial<Record<LimitName, RateLimit>> = {};
  for (const { name, rate } of set) {
    const own = countInProcess(rate, keysMax);
    const ofAllNodes = await shared?.countRequests?.(name, rate);
    const counts =
      ofAllNodes === undefined ? own : withInsurance(gatherRequests(ofAllNodes, systemClock), own);
    limits[name] = new RateLimit({ name, rate, counts, clock: systemClock });
  }
  return { limits, trustedProxies: rateLimits.trustedProxies, refused };
}
