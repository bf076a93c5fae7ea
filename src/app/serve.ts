// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome serve`, and `firstcome worker`, which the primary process starts. */
import { type App, startApp } from '../app.ts';
import { type Config, loadConfig } from '../config.ts';
import type { ServeOptions } from '../entrypoints/cli/program.ts';
import type { ServedDatabase } from './compose-process.ts';
import { ownUrl, portOf } from './own-url.ts';
import { runUntilStopped } from './run-until-stopped.ts';
import type { Signals } from './signals.ts';
import { version } from './version.ts';
import { runWorker, startWithWorkers } from './workers.ts';

/** Runs the service until a signal stops it. */
export function serve(
  { workers, unsafeDurability }: ServeOptions,
  signals: Signals,
): Promise<void> {
  const config = loadConfig(undefined, {
    ...(workers !== undefined && { WORKERS: workers }),
    ...(unsafeDurability && { UNSAFE_DURABILITY: 'true' }),
  });
  const start = config.workers > 1 ? startWithWorkers : startApp;
  return runUntilStopped(signals, {
    start: (options) => start(config, options),
    welcome: (app) => welcome(app, config),
    draining: 'finishing requests in hand',
  });
}

/** Serves as one of the workers of a service on this installation. */
export function work(
  worker: Omit<ServedDatabase, 'url'> & { slot: number },
  signals: Signals,
): Promise<void> {
  const config = loadConfig(undefined, {}, { readsTokenKeys: false });
  return runWorker(config, worker, signals.stopped);
}

function welcome(app: App, config: Config): string {
  const url = ownUrl(config.http.host, portOf(app.url));
  const key = (name: string, needed: boolean) =>
    needed ? ` \\\n    -H 'Authorization: Bearer <${name}>'` : '';
  const { adminApiKey, claimApiKey } = config.auth;
  return `
firstcome ${version} serves on ${app.url}
data: ${app.dataLocation}

Create a coupon, and claim it:
  curl ${url}/api/coupons${key('ADMIN_API_KEY', adminApiKey !== undefined)} \\
    -d '{"name":"TRY","amount":100}'
  curl ${url}/api/coupons/claim${key('CLAIM_API_KEY', claimApiKey !== undefined)} \\
    -d '{"user_id":"ada","coupon_name":"TRY"}'

Console: ${url}/console
API documentation: ${url}/docs   Stop: Ctrl-C
`;
}
