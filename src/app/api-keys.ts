// SPDX-License-Identifier: GPL-3.0-or-later
/** The current API keys, and the keys of user tokens: files can change them while the service runs. */
import { type ApiKeyName, apiKeyVariables, type Config } from '../config.ts';

/** The text of each API key, and of the file with the keys of user tokens; undefined for what is not set. */
export type KeyTexts = Record<ApiKeyName | 'userTokenKeys', string | undefined>;

/** Holds the keys that a process accepts now. */
export type CurrentKeys = {
  now(): KeyTexts;
  replace(keys: KeyTexts): void;
};

/** Starts with the keys of the configuration. */
export function currentKeys(config: Pick<Config, 'auth' | 'userTokens'>): CurrentKeys {
  let keys = keysOf(config);
  return {
    now: () => keys,
    replace(given) {
      keys = given;
    },
  };
}

/** The texts of the keys in a configuration. */
export function keysOf({ auth, userTokens }: Pick<Config, 'auth' | 'userTokens'>): KeyTexts {
  return toKeyTexts((name) =>
    name === 'userTokenKeys' ? userTokens.keysText : auth[name]?.reveal(),
  );
}

/** The text of every key, from a function that returns the text of one. */
export function toKeyTexts(textOf: (name: keyof KeyTexts) => string | undefined): KeyTexts {
  const names = [...apiKeyVariables.map(({ name }) => name), 'userTokenKeys' as const];
  return Object.fromEntries(names.map((name) => [name, textOf(name)])) as KeyTexts;
}
