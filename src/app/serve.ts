// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome serve`, and `firstcome worker`, which it starts. */
import { type App, startApp } from '../app.ts';
import { type Config, loadConfig } from '../config.ts';
import type { ServeOptions } from '../entrypoints/cli/program.ts';
import { ownUrl, portOf } from './own-url.ts';
import { onFirstSignal } from './signals.ts';
import { sayOnTerminal } from './terminal.ts';
import { version } from './version.ts';
import { runWorker, startWithWorkers } from './workers.ts';

/** Runs the service until a signal stops it. */
export async function serve({ workers, unsafeDurability }: ServeOptions): Promise<void> {
  const config = loadConfig(undefined, {
    ...(workers !== undefined && { WORKERS: workers }),
    ...(unsafeDurability && { UNSAFE_DURABILITY: 'true' }),
  });
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

/** Serves as one of the workers of a service with this kind of database. */
export function work(database: 'bundled' | 'external'): Promise<void> {
  return runWorker(loadConfig(), database, onFirstSignal().stopped);
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
