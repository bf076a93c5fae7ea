// SPDX-License-Identifier: GPL-3.0-or-later
/** The current API keys: files can change them while the service runs. */
import { type ApiKeyName, apiKeyVariables, type Config } from '../config.ts';

/** The text of each key; undefined for a key that is not set. */
export type ApiKeyTexts = Record<ApiKeyName, string | undefined>;

/** Holds the keys that a process accepts now. */
export type CurrentKeys = {
  now(): ApiKeyTexts;
  replace(keys: ApiKeyTexts): void;
};

/** Starts with the keys of the configuration. */
export function currentKeys({ auth }: Pick<Config, 'auth'>): CurrentKeys {
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
