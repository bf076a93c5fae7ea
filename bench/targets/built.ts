// SPDX-License-Identifier: GPL-3.0-or-later
/** The service's own modules as they were built, so that every target runs the code that users run. */
import type { Config } from '../../src/config.ts';
import type { HttpOptions, HttpServer } from '../../src/entrypoints/http/server.ts';

// The bench says where; this file itself runs compiled, in another place.
const built = process.env.BUILT_SERVICE;

const load = (path: string) => import(new URL(path, built).href);

export const { createHttpServer }: typeof import('../../src/entrypoints/http/server.ts') =
  await load('entrypoints/http/server.js');

export const { newId }: typeof import('../../src/adapters/system/ids.ts') =
  await load('adapters/system/ids.js');

export const { AppError }: typeof import('../../src/core/errors.ts') = await load('core/errors.js');

const { listen }: typeof import('../../src/entrypoints/http/listen.ts') = await load(
  'entrypoints/http/listen.js',
);
const { loadConfig }: typeof import('../../src/config.ts') = await load('config.js');

const config: Config = loadConfig({ PORT: '0' });

/** What the service itself would give its server. */
export const httpOptions: HttpOptions = {
  ...config.http,
  loopbackOnly: true,
  apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
};

/** Listens as the service does, and says where, for the bench to read. */
export async function serve(server: HttpServer): Promise<void> {
  process.stdout.write(`serves on ${await listen(server, config.http)}\n`);
  endOnSignal();
}

/** Ends this process when it is told to. */
export function endOnSignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
}
