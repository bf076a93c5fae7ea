// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the login to the console. */
import { postgresSessionStore } from '../adapters/postgres/console/session-store.ts';
import type { Database } from '../adapters/postgres/database.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { countRequests } from '../core/limits/count-requests.ts';
import { RateLimit } from '../core/limits/rate-limit.ts';
import type { ConsoleLogin } from '../entrypoints/http/route.ts';
import { ConsoleSessions } from '../entrypoints/http/sessions/console-sessions.ts';
import type { CurrentKeys } from './api-keys.ts';

// Always there, since a login tries a key.
const loginRate = { requests: 10, seconds: 60 };
const addressesMax = 10_000;

/** Creates the login of one process. */
export function createConsoleLogin(
  { rateLimits }: Pick<Config, 'rateLimits'>,
  { database, keys }: { database: Database; keys: CurrentKeys },
): ConsoleLogin {
  const clock = systemClock;
  const counts = countRequests(loginRate, addressesMax, clock);
  return {
    sessions: new ConsoleSessions({
      store: postgresSessionStore(database),
      ...{ clock, keys: keys.now },
    }),
    limit: new RateLimit({ name: 'ip', rate: loginRate, counts, clock }),
    trustedProxies: rateLimits.trustedProxies,
  };
}
