// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome consume`: a process that decides queued claims and serves no API. */
import { startOnDatabase } from '../app.ts';
import { type Config, loadConfig } from '../config.ts';
import { StartError } from '../core/errors.ts';
import { currentKeys } from './api-keys.ts';
import { startProcess } from './process.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import type { Signals } from './signals.ts';
import { version } from './version.ts';

/** Decides queued claims until a signal stops it. Rejects with a `StartError` where there is no queue or no database to share. */
export function consume(signals: Signals): Promise<void> {
  // Several of these processes are started one by one.
  const config = loadConfig(undefined, { WORKERS: '1' });
  assertShared(config);
  return runUntilStopped(signals, {
    start: (options) =>
      startOnDatabase(config, options, (database, log) =>
        startProcess(config, log, {
          ...{ database, keys: currentKeys(config), kind: 'consumer', runsDuties: false },
        }),
      ),
    welcome: ({ url, dataLocation }) => `
firstcome ${version} decides queued claims, and serves health and metrics on ${url}
data: ${dataLocation}

Stop: Ctrl-C
`,
    draining: 'finishing claims in hand',
  });
}

function assertShared({ queue, database }: Config): void {
  const missing = queue.url === undefined ? 'AMQP_URL' : 'DATABASE_URL';
  if (queue.url !== undefined && database.url !== undefined) return;
  throw new StartError(
    `${missing} is not set\n` +
      'firstcome consume decides the claims that a service has queued: give it the AMQP_URL and DATABASE_URL of the service.',
  );
}
