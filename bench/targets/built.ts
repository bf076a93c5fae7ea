// SPDX-License-Identifier: GPL-3.0-or-later
/** The built modules of the service, so that every target runs the code that users run. */
import type { Config } from '../../src/config.ts';
import type { HttpOptions, HttpServer } from '../../src/entrypoints/http/server.ts';

// The bench passes the folder of the build, since this file runs from a temporary folder.
const built = process.env.BUILT_SERVICE;

const load = (path: string) => import(new URL(path, built).href);

export const { createHttpServer }: typeof import('../../src/entrypoints/http/server.ts') =
  await load('entrypoints/http/server.js');

export const { newId }: typeof import('../../src/adapters/system/ids.ts') =
  await load('adapters/system/ids.js');

export const { couponDefaults }: typeof import('../../src/core/coupons/coupon.ts') =
  await load('core/coupons/coupon.js');

export const { AppError }: typeof import('../../src/core/errors.ts') = await load('core/errors.js');

const { listen }: typeof import('../../src/entrypoints/http/listen.ts') = await load(
  'entrypoints/http/listen.js',
);
const { loadConfig }: typeof import('../../src/config.ts') = await load('config.js');

const config: Config = loadConfig({ PORT: '0' });

/** The options that the service passes to its server. */
export const httpOptions: HttpOptions = {
  ...config.http,
  loopbackOnly: true,
  apiKeys: () => ({ adminApiKey: undefined, claimApiKey: undefined }),
};

/** Listens as the service does, and prints the URL for the bench. */
export async function serve(server: HttpServer): Promise<void> {
  process.stdout.write(`serves on ${await listen(server, config.http)}\n`);
  endOnSignal();
}

/** Ends this process on SIGTERM or SIGINT. */
export function endOnSignal(): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
}
