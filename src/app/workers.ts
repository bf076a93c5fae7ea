// SPDX-License-Identifier: GPL-3.0-or-later
/** The service as several processes: the primary prepares the database, and the workers serve. */
import { Workers } from '../adapters/cluster/primary.ts';
import { openPrimaryChannel } from '../adapters/cluster/worker.ts';
import { WorkersMetrics } from '../adapters/prometheus/workers-metrics.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { type App, startOnDatabase } from '../app.ts';
import { apiKeyVariables, type Config, libpqVariableNames } from '../config.ts';
import { portToShare } from '../entrypoints/http/listen.ts';
import { currentKeys, type KeyTexts, toKeyTexts } from './api-keys.ts';
import type { ServedDatabase } from './compose-process.ts';
import type { StartOptions } from './database.ts';
import { KeyFiles } from './key-files.ts';
import { createLogger } from './logger.ts';
import { startProcess } from './process.ts';

// Added to the shutdown's own time, in which a worker drains.
const exitMsMax = 1000;

/** Starts the primary and its workers. When one of them cannot start, rejects and leaves nothing running. */
export function startWithWorkers(config: Config, options: StartOptions): Promise<App> {
  return startOnDatabase(config, options, async (database, log) => {
    const port = await portToShare(config.http);
    const keys = currentKeys(config);
    const workers = new Workers({
      count: config.workers,
      args: ['worker', '--', database.kind, database.schema, database.identity],
      env: () => workerEnvironment(config, { url: database.url, port, keys: keys.now() }),
      keys: keys.now,
      metrics: new WorkersMetrics(),
      warn: (event, message) => log.warn(event, message),
      sleep: systemClock.sleep,
      nowMs: systemClock.nowMs,
    });
    const keyFiles = new KeyFiles({
      ...{ config, current: keys, log, clock: systemClock },
      sendKeys: () => workers.sendKeys(),
    });
    options.onReload?.(() => keyFiles.reload());
    const { delayMs, timeoutMs } = config.shutdown;
    const url = await workers.start();
    const stop = () => workers.stop(delayMs + timeoutMs + exitMsMax);
    return { url, stop: keyFiles.watchUntil(stop) };
  });
}

/**
 * The environment of a worker. It contains what the primary has read from files, since these may have changed meanwhile.
 * The URL is complete, so the variables of libpq are cleared.
 */
export function workerEnvironment(
  { queue, redis }: Pick<Config, 'queue' | 'redis'>,
  { url, port, keys }: { url: string; port: number; keys: KeyTexts },
): Record<string, string> {
  const keyVariables = apiKeyVariables.flatMap(({ name, variable }) => [
    [variable, keys[name] ?? ''],
    [`${variable}_FILE`, ''],
  ]);
  return {
    ...Object.fromEntries(libpqVariableNames.map((name) => [name, ''])),
    ...Object.fromEntries(keyVariables),
    DATABASE_URL: url,
    DATABASE_URL_FILE: '',
    REDIS_URL: redis.url?.reveal() ?? '',
    REDIS_URL_FILE: '',
    AMQP_URL: queue.url?.reveal() ?? '',
    AMQP_URL_FILE: '',
    PORT: String(port),
  };
}

/** Serves as one of the workers until `stopped`. When its primary dies, Node ends the worker at once. */
export async function runWorker(
  config: Config,
  { slot, ...installation }: Omit<ServedDatabase, 'url'> & { slot: number },
  stopped: Promise<unknown>,
): Promise<void> {
  const primary = openPrimaryChannel();
  const url = config.database.url?.reveal();
  if (primary === undefined || url === undefined) {
    throw new Error('only `firstcome serve --workers` starts a worker');
  }
  const log = createLogger(config);
  const keys = currentKeys(config);
  try {
    // This worker's environment has the keys of a moment ago.
    await primary.receiveKeys((sent) => keys.replace(toKeyTexts((name) => sent[name])));
    const database = { url, ...installation };
    const runsDuties = slot === 0;
    const service = await startProcess(config, log, {
      ...{ database, primary, keys, kind: 'server', runsDuties },
    });
    primary.reportReady(service.url);
    await stopped;
    await service.stop();
  } finally {
    // An open channel keeps a failed process alive, and the primary replaces only those that end.
    primary.close();
  }
}
