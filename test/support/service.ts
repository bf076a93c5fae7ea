// SPDX-License-Identifier: GPL-3.0-or-later
import { type App, startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';

/** Limits that no test reaches on a busy machine, for tests of something else. */
export const patience = {
  CLAIM_TIMEOUT_MS: '30000',
  CLAIM_WAIT_MAX_MS: '30000',
  DATABASE_CONNECT_TIMEOUT_MS: '10000',
  DATABASE_LOCK_TIMEOUT_MS: '10000',
  DATABASE_STATEMENT_TIMEOUT_MS: '30000',
};

/** A service in this process, on a free port. */
export async function startService(env: Record<string, string>): Promise<App> {
  const config = loadConfig({
    ...{ PORT: '0', LOG_LEVEL: 'silent' },
    // The pools never wait longer than half of CLAIM_TIMEOUT_MS, but a start may wait this long.
    DATABASE_CONNECT_TIMEOUT_MS: '10000',
    ...env,
  });
  return startApp(config, { say: () => undefined });
}
