// SPDX-License-Identifier: GPL-3.0-or-later
import { findRunningServer } from '../adapters/embedded-postgres/embedded-postgres.ts';
import type { Migrated } from '../adapters/postgres/migrate.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { type App, startApp, version } from '../app.ts';
import { type Config, loadConfig, printConfig, settingsHelp } from '../config.ts';
import type { MigrateOptions, Program } from '../entrypoints/cli/program.ts';
import { migrateDatabase, openDatabase } from './database.ts';
import { createLogger } from './logger.ts';
import { ownUrl, portOf } from './own-url.ts';
import { audit, drill, scenarios } from './proof.ts';
import { outliveTerminal } from './terminal.ts';
import { keepTickShape } from './tick-shape.ts';
import { runWorker, startWithWorkers } from './workers.ts';

/** What the command line can do, over the configuration in the environment. */
export function createProgram(): Program {
  keepTickShape();
  return {
    version,
    config: () => printConfig(loadConfig()),
    settingsHelp,
    migrate: (options) => migrateOnly(loadConfig(), options),
    serve: ({ workers, unsafeDurability }) =>
      serve(
        loadConfig(undefined, {
          ...(workers !== undefined && { WORKERS: workers }),
          ...(unsafeDurability && { UNSAFE_DURABILITY: 'true' }),
        }),
      ),
    scenarios,
    drill: (options, output) => drill(loadConfig(), options, output, onFirstSignal().signal),
    audit: (options, output) => audit(loadConfig(), options, output),
    work: (database) => runWorker(loadConfig(), database, onFirstSignal().stopped),
  };
}

async function migrateOnly(config: Config, options: MigrateOptions): Promise<Migrated> {
  if (config.database.url === undefined) {
    const running = await findRunningServer(config.dataDir);
    if (running !== undefined) return migrateDatabase(config, running.url, options);
  }
  const database = await openDatabase(config, createLogger(config), { say: sayOnTerminal });
  try {
    return await migrateDatabase(config, database.url, options);
  } finally {
    await database.close();
  }
}

async function serve(config: Config): Promise<void> {
  const { stopped, signal } = onFirstSignal();
  const start = config.workers > 1 ? startWithWorkers : startApp;
  let app: App;
  try {
    app = await start(config, { say: sayOnTerminal, signal });
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  try {
    sayOnTerminal(welcome(app, config));
    await stopped;
    sayOnTerminal('stopping: answering what is under way');
  } finally {
    await app.stop();
  }
  sayOnTerminal('stopped');
}

// A terminal sends its signal to npm and to the service, and npm sends it on: these are one wish, not two.
const secondSignalAfterMs = 1000;

/**
 * Resolves, and aborts, at the first SIGINT, SIGTERM or SIGHUP; a later SIGINT or SIGTERM ends the process at once. A
 * terminal that closes may send SIGHUP several times, and nobody is in a hurry behind that. That nohup wants it ignored
 * cannot be told: Node sets all signals back before our code runs, so without this the first would end the process.
 */
function onFirstSignal(): { stopped: Promise<void>; signal: AbortSignal } {
  outliveTerminal();
  const stopping = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (name: NodeJS.Signals) => {
      const nowMs = systemClock.nowMs();
      if (firstMs === undefined) {
        firstMs = nowMs;
        stopping.abort();
        resolve();
      } else if (name !== 'SIGHUP' && nowMs - firstMs > secondSignalAfterMs) {
        process.exit(name === 'SIGINT' ? 130 : 143);
      }
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  });
  return { stopped, signal: stopping.signal };
}

function sayOnTerminal(line: string): void {
  process.stdout.write(`${line}\n`);
}

function welcome(app: App, config: Config): string {
  const url = ownUrl(config.http.host, portOf(app.url));
  const key = (name: string, needed: boolean) =>
    needed ? ` -H 'Authorization: Bearer <${name}>'` : '';
  const { adminApiKey, claimApiKey } = config.auth;
  return `
firstcome ${version} serves on ${app.url}
data: ${app.dataPlace}

Create a coupon, and claim it:
  curl ${url}/api/coupons${key('ADMIN_API_KEY', adminApiKey !== undefined)} \\
    -d '{"name":"TRY","amount":100}'
  curl ${url}/api/coupons/claim${key('CLAIM_API_KEY', claimApiKey !== undefined)} \\
    -d '{"user_id":"ada","coupon_name":"TRY"}'

Read on: ${url}/docs   Stop: Ctrl-C
`;
}
