// SPDX-License-Identifier: GPL-3.0-or-later
/** `firstcome serve`, and `firstcome worker`, which the primary process starts. */
import { type App, type ServedDatabase, startApp } from '../app.ts';
import { type Config, loadConfig } from '../config.ts';
import type { ServeOptions } from '../entrypoints/cli/program.ts';
import { ownUrl, portOf } from './own-url.ts';
import type { Signals } from './signals.ts';
import { sayOnTerminal } from './terminal.ts';
import { version } from './version.ts';
import { runWorker, startWithWorkers } from './workers.ts';

const abortMsMax = 1_000;

/** Runs the service until a signal stops it. */
export async function serve(
  { workers, unsafeDurability }: ServeOptions,
  signals: Signals,
): Promise<void> {
  const { stopped, signal, onReload } = signals;
  let activity = 'aborting the start';
  void stopped.then((name) => {
    const again = name === 'SIGINT' ? '; Ctrl-C again ends at once' : '';
    sayOnTerminal(`stopping: ${activity}${again}`);
  });
  const config = loadConfig(undefined, {
    ...(workers !== undefined && { WORKERS: workers }),
    ...(unsafeDurability && { UNSAFE_DURABILITY: 'true' }),
  });
  const start = config.workers > 1 ? startWithWorkers : startApp;
  let app: App;
  try {
    app = await start(config, { say: sayOnTerminal, signal, onReload });
  } catch (error) {
    if (!signal.aborted) throw error;
    // Some steps cannot be aborted, such as the resolution of a host name, and must not delay the exit.
    setTimeout(() => process.exit(), abortMsMax).unref();
    return;
  }
  try {
    activity = 'finishing requests in hand';
    sayOnTerminal(welcome(app, config));
    await stopped;
  } finally {
    await app.stop();
  }
  sayOnTerminal('stopped');
}

/** Serves as one of the workers of a service on this installation. */
export function work(
  worker: Omit<ServedDatabase, 'url'> & { slot: number },
  signals: Signals,
): Promise<void> {
  return runWorker(loadConfig(), worker, signals.stopped);
}

function welcome(app: App, config: Config): string {
  const url = ownUrl(config.http.host, portOf(app.url));
  const key = (name: string, needed: boolean) =>
    needed ? ` -H 'Authorization: Bearer <${name}>'` : '';
  const { adminApiKey, claimApiKey } = config.auth;
  return `
firstcome ${version} serves on ${app.url}
data: ${app.dataLocation}

Create a coupon, and claim it:
  curl ${url}/api/coupons${key('ADMIN_API_KEY', adminApiKey !== undefined)} \\
    -d '{"name":"TRY","amount":100}'
  curl ${url}/api/coupons/claim${key('CLAIM_API_KEY', claimApiKey !== undefined)} \\
    -d '{"user_id":"ada","coupon_name":"TRY"}'

API documentation: ${url}/docs   Stop: Ctrl-C
`;
}
