// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError, StartError } from '../core/errors.ts';

/** Rethrows what a dynamic import has thrown: an optional package that is missing as a fault that names it. */
export function missingPackage(error: unknown): never {
  const missing = missingIn(error);
  if (missing === undefined) throw error;
  throw new AppError('unavailable', {
    detail: `the package ${missing} is not installed; install the optional dependencies, and restart the service`,
  });
}

/** The same for a start: the fault ends it, and names the setting that needs the package. */
export function packageMissingFor(setting: string): (error: unknown) => never {
  return (error) => {
    const missing = missingIn(error);
    if (missing === undefined) throw error;
    throw new StartError(
      `${setting} is set, but the package ${missing} is not installed\n` +
        'Install the optional dependencies (npm ci without --omit=optional), or unset the setting.',
    );
  };
}

/** The name of the package that an import has not found; undefined for any other error. */
function missingIn(error: unknown): string | undefined {
  const { code, message } = error as { code?: string; message: string };
  const names =
    /'(amqplib|graphile-worker|ioredis|ipaddr\.js|jose|rate-limiter-flexible|redis-semaphore)/;
  return code === 'ERR_MODULE_NOT_FOUND' ? names.exec(message)?.[1] : undefined;
}
