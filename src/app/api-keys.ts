// SPDX-License-Identifier: GPL-3.0-or-later
/** The current API keys: files can change them while the service runs. */
import type { Logger } from 'pino';
import {
  type ApiKeyName,
  apiKeyVariables,
  type Config,
  ConfigError,
  rereadApiKeys,
} from '../config.ts';

/** The text of each key; undefined for a key that is not set. */
export type ApiKeyTexts = Record<ApiKeyName, string | undefined>;

/** Holds the keys that a process accepts now. */
export type CurrentKeys = {
  now(): ApiKeyTexts;
  replace(keys: ApiKeyTexts): void;
};

/** Starts with the keys of the configuration. */
export function currentKeys({ auth }: Config): CurrentKeys {
  let keys = toKeyTexts((name) => auth[name]?.reveal());
  return {
    now: () => keys,
    replace(given) {
      keys = given;
    },
  };
}

/** The text of every key, from a function that returns the text of one. */
export function toKeyTexts(textOf: (name: ApiKeyName) => string | undefined): ApiKeyTexts {
  const entries = apiKeyVariables.map(({ name }) => [name, textOf(name)]);
  return Object.fromEntries(entries) as ApiKeyTexts;
}

/**
 * Reads the files of the keys again. When one file cannot be used, all keys stay as they are. Logs which keys changed,
 * and never their values.
 */
export function rereadKeys(current: CurrentKeys, log: Logger): void {
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
  const before = current.now();
  const keys = toKeyTexts((name) => read.keys[name]?.reveal() ?? before[name]);
  current.replace(keys);
  const changed = apiKeyVariables.filter(({ name }) => keys[name] !== before[name]);
  log.info(
    { read: read.files, changed: changed.map(({ variable }) => variable) },
    'API keys read again',
  );
}
