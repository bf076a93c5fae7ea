// SPDX-License-Identifier: GPL-3.0-or-later
/** The API keys in force, which files can change while the service runs. */
import type { Logger } from 'pino';
import { type Config, ConfigError, rereadApiKeys } from '../config.ts';
import type { ApiKeys } from '../entrypoints/http/access.ts';

/** Where the parts of a process find the keys of now. */
export type CurrentKeys = {
  now(): ApiKeys;
  replace(keys: ApiKeys): void;
};

/** Begins with the keys of the configuration. */
export function currentKeys({ auth }: Config): CurrentKeys {
  let keys: ApiKeys = {
    adminApiKey: auth.adminApiKey?.reveal(),
    claimApiKey: auth.claimApiKey?.reveal(),
  };
  return {
    now: () => keys,
    replace(given) {
      keys = given;
    },
  };
}

/**
 * Reads the files of the keys again, all of them or none: where one cannot be used, those before stay in force. Logs
 * which have changed, and never their values.
 */
export function rereadKeys(current: CurrentKeys, log: Logger): void {
  const before = current.now();
  let read: ReturnType<typeof rereadApiKeys>;
  try {
    read = rereadApiKeys();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.error({ mistakes: error.mistakes }, 'the API keys were not changed: a file cannot be used');
    return;
  }
  if (read.files.length === 0) {
    log.warn('SIGHUP has no effect: no API key is read from a file');
    return;
  }
  for (const warning of read.warnings) log.warn(warning);
  const keys = {
    adminApiKey: read.adminApiKey?.reveal() ?? before.adminApiKey,
    claimApiKey: read.claimApiKey?.reveal() ?? before.claimApiKey,
  };
  current.replace(keys);
  const changed = [
    ...(keys.adminApiKey === before.adminApiKey ? [] : ['ADMIN_API_KEY']),
    ...(keys.claimApiKey === before.claimApiKey ? [] : ['CLAIM_API_KEY']),
  ];
  log.info({ read: read.files, changed }, 'API keys read again');
}
