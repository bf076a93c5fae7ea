// SPDX-License-Identifier: GPL-3.0-or-later
/** The composition root: opens the database, starts what one process of the service runs, and stops it in reverse order. */
import type { Logger } from 'pino';
import { systemClock } from './adapters/system/clock.ts';
import { currentKeys } from './app/api-keys.ts';
import type { ServedDatabase } from './app/compose-process.ts';
import { openDatabase, type StartOptions } from './app/database.ts';
import { KeyFiles } from './app/key-files.ts';
import { createLogger } from './app/logger.ts';
import { fewFilesWarning } from './app/open-files.ts';
import { prepareDatabase } from './app/prepare-database.ts';
import { startProcess } from './app/process.ts';
import { startOrUndo } from './app/start-or-undo.ts';
import { version } from './app/version.ts';
import type { Config } from './config.ts';
import { assertCanListen } from './entrypoints/http/listen.ts';

/** A running service. */
export type App = {
  /** Its base URL, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Where the data is, for people: a folder, or the location of the database. */
  dataLocation: string;
  /** Drains the service and stops everything it started, in order. A second call does no harm. */
  stop(): Promise<void>;
};

/** Starts the service in this process. When that fails it rejects, and nothing is left running. */
export function startApp(config: Config, options: StartOptions): Promise<App> {
  return startOnDatabase(config, options, async (database, log) => {
    const keys = currentKeys(config);
    const keyFiles = new KeyFiles({ config, current: keys, log, clock: systemClock });
    options.onReload?.(() => keyFiles.reload());
    const service = await startProcess(config, log, {
      ...{ database, keys, kind: 'server', runsDuties: true },
    });
    return { ...service, stop: keyFiles.watchUntil(service.stop) };
  });
}

/** Opens and migrates the database, then starts what serves on it. */
export async function startOnDatabase(
  config: Config,
  options: StartOptions,
  serve: (database: ServedDatabase, log: Logger) => Promise<{ url: string; stop(): Promise<void> }>,
): Promise<App> {
  const log = createLogger(config);
  for (const warning of config.warnings) log.warn(warning);
  const fewFiles = fewFilesWarning(config);
  if (fewFiles !== undefined) log.warn(fewFiles);
  return startOrUndo(async (disposers) => {
    await assertCanListen(config.http);
    const database = await openDatabase(config, log, options);
    disposers.push(database.close);
    const { schema, identity, durability, ...found } = await prepareDatabase(config, database.url, {
      ...{ log, signal: options.signal },
    });
    for (const warning of found.warnings) log.warn(warning);
    if (found.applied.length > 0) log.info({ schema, applied: found.applied }, 'database migrated');
    if (found.others.length > 0) {
      const level = config.database.schema === undefined ? 'warn' : 'info';
      const event = { schema, others: found.others };
      log[level](event, 'the database has other installations, which are not used');
    }
    const { url, stop } = await serve({ ...database, schema, identity }, log);
    disposers.push(stop);
    log.info(
      {
        ...{ url, version, database: database.kind, schema, durability },
        workers: config.workers,
        ...(config.otlpEndpoint !== undefined && { traces: config.otlpEndpoint }),
      },
      'service started',
    );
    return { url, dataLocation: database.location };
  });
}
