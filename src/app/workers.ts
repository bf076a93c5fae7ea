// SPDX-License-Identifier: GPL-3.0-or-later
/** The service as several processes: the primary holds the database and the workers serve. */
import { Workers } from '../adapters/cluster/primary.ts';
import { openPrimaryChannel } from '../adapters/cluster/worker.ts';
import { WorkersMetrics } from '../adapters/prometheus/workers-metrics.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { type App, type ServedDatabase, startOnDatabase, startProcess } from '../app.ts';
import { apiKeyVariables, type Config, libpqVariableNames } from '../config.ts';
import { portToShare } from '../entrypoints/http/listen.ts';
import { type ApiKeyTexts, currentKeys, rereadKeys, toKeyTexts } from './api-keys.ts';
import type { StartOptions } from './database.ts';
import { createLogger } from './logger.ts';

// A worker first answers what it has, which takes up to the shutdown's own time.
const exitMsMax = 1000;

/** Starts the primary and its workers. Rejects, with nothing left running, when one of them cannot. */
export function startWithWorkers(config: Config, options: StartOptions): Promise<App> {
  return startOnDatabase(config, options, async (database, log) => {
    const port = await portToShare(config.http);
    const keys = currentKeys(config);
    const workers = new Workers({
      count: config.workers,
      args: ['worker', '--', database.kind, database.schema, database.identity],
      env: () => workerEnvironment(database.url, port, keys.now()),
      keys: keys.now,
      metrics: new WorkersMetrics(),
      warn: (event, message) => log.warn(event, message),
      sleep: systemClock.sleep,
      nowMs: systemClock.nowMs,
    });
    options.onReload?.(() => {
      rereadKeys(keys, log);
      workers.sendKeys();
    });
    const { delayMs, timeoutMs } = config.shutdown;
    const url = await workers.start();
    return { url, stop: () => workers.stop(delayMs + timeoutMs + exitMsMax) };
  });
}

/**
 * The environment of a worker. It contains what the primary has read from files, since these may have changed meanwhile.
 * The URL is complete, so the variables of libpq are cleared.
 */
function workerEnvironment(url: string, port: number, keys: ApiKeyTexts): Record<string, string> {
  const keyVariables = apiKeyVariables.flatMap(({ name, variable }) => [
    [variable, keys[name] ?? ''],
    [`${variable}_FILE`, ''],
  ]);
  return {
    ...Object.fromEntries(libpqVariableNames.map((name) => [name, ''])),
    ...Object.fromEntries(keyVariables),
    DATABASE_URL: url,
    DATABASE_URL_FILE: '',
    PORT: String(port),
  };
}

/** Serves as one of the workers until `stopped`. Without its primary a worker ends at once: Node sees to that. */
export async function runWorker(
  config: Config,
  place: Omit<ServedDatabase, 'url'>,
  stopped: Promise<unknown>,
): Promise<void> {
  const primary = openPrimaryChannel();
  const url = config.database.url?.reveal();
  if (primary === undefined || url === undefined) {
    throw new Error('a worker is started by `firstcome serve --workers`');
  }
  const log = createLogger(config);
  const keys = currentKeys(config);
  primary.onKeys((sent) => keys.replace(toKeyTexts((name) => sent[name])));
  try {
    const database = { url, ...place };
    const service = await startProcess(config, log, { database, primary, keys });
    primary.sayReady(service.url);
    await stopped;
    await service.stop();
  } finally {
    // Left open it keeps a process that could not start, and nobody takes its place.
    primary.close();
  }
}
