// SPDX-License-Identifier: GPL-3.0-or-later
/** Configuration: reads the environment once, checks all of it, and returns one frozen value. */
import { checkVariables } from './config/check.ts';
import { completeDatabaseUrl, libpqVariableNames } from './config/database-url.ts';
import { type ConfigRow, settingsHelp, toLines, toRows } from './config/description.ts';
import { type ApiKeyName, apiKeySettings } from './config/groups/access.ts';
import { userTokensGroup } from './config/groups/user-tokens.ts';
import { misspeltVariables } from './config/misspelt-variables.ts';
import { isLoopback, rulesBetween, warningsAbout } from './config/rules.ts';
import type { Sagas } from './config/sagas/parse-sagas.ts';
import { readSagasFile } from './config/sagas/read-sagas-file.ts';
import { type SettingValues, type SettingVariable, settings } from './config/settings.ts';
import { parseTokenKeys } from './config/user-tokens/parse-token-keys.ts';
import {
  readTokenKeysFile,
  tokenKeysBytesMax,
  tokenKeysFile,
  tokenKeysUrl,
} from './config/user-tokens/read-token-keys.ts';
import { hasUserTokens } from './config/user-tokens/user-token-rules.ts';
import { readVariables, type SettingSource } from './config/variables.ts';
import { Secret } from './core/secret.ts';

export type { ApiKeyName };
export {
  hasUserTokens,
  isLoopback,
  libpqVariableNames,
  parseTokenKeys,
  settings,
  settingsHelp,
  tokenKeysBytesMax,
  tokenKeysUrl,
};

/** The checked settings. Deeply frozen: a write throws. */
export type Config = SettingValues & {
  /** The content of `SAGAS_FILE` besides its path. */
  sagas: Sagas;
  /** The content of the file with the keys of user tokens; undefined without one, and where another process has read it. */
  userTokens: { keysText: string | undefined };
  /** About allowed but risky settings; the start logs each once. */
  warnings: string[];
};

/** The environment has mistakes: each is one line that names the variable and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: string[];

  constructor(mistakes: string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

const noTokenKeys = { text: undefined, mistakes: [] };

const sources = new WeakMap<Config, ReadonlyMap<SettingVariable, SettingSource>>();

/** The variables of the API keys and of the user tokens, with which a configuration was loaded. */
const keyVariables = new WeakMap<Config, NodeJS.ProcessEnv>();

/**
 * Reads and checks the environment, over which `overrides` go. Throws one `ConfigError` with every mistake. A worker does not
 * read the keys of user tokens: its primary process sends them. A command that only calls a service does not serve: it may
 * have the viewer key alone.
 */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  overrides: Record<string, string> = {},
  { readsTokenKeys = true, serves = true }: { readsTokenKeys?: boolean; serves?: boolean } = {},
): Config {
  const given = readVariables({ ...env, ...overrides });
  const { values, wrong, mistakes } = checkVariables(given);
  const misspelt = misspeltVariables(env);
  // The value that a misspelt variable was meant to set is unknown, so no rule can judge it.
  for (const { about } of misspelt) wrong.add(about);
  mistakes.unshift(...misspelt.map(({ mistake }) => mistake));
  if (!given.texts.has('DATABASE_LOCK_TIMEOUT_MS')) {
    values.database.lockTimeoutMs = lockTimeoutFor(values);
  }
  for (const { isBroken, about, mistake } of serves ? rulesBetween(values) : []) {
    if (isBroken && !about.some((variable) => wrong.has(variable))) mistakes.push(mistake);
  }
  mistakes.push(...completeUrl(values, env, given.sources.get('DATABASE_URL')));
  const read = readSagasFile(values.sagas.file, { ...env, ...overrides });
  if ('mistakes' in read) mistakes.push(...read.mistakes);
  const tokenKeys = readsTokenKeys ? readTokenKeysFile(values.userTokens) : noTokenKeys;
  mistakes.push(...tokenKeys.mistakes);
  if (mistakes.length > 0 || !('sagas' in read)) throw new ConfigError(mistakes);
  const warnings = [...given.warnings, ...warningsAbout(values), ...read.warnings];
  const sagas = { ...values.sagas, ...read.sagas };
  const userTokens = { ...values.userTokens, keysText: tokenKeys.text };
  const config = deepFreeze({ ...values, sagas, userTokens, warnings });
  sources.set(config, given.sources);
  keyVariables.set(config, keyVariablesIn({ ...env, ...overrides }));
  return config;
}

/** Whether a terminal of this kind can move its cursor. */
export function canMoveCursor(env: NodeJS.ProcessEnv = process.env): boolean {
  return env.TERM !== undefined && env.TERM !== '' && env.TERM !== 'dumb';
}

/** A batch that does not get its lock must fail while its claims still wait. */
function lockTimeoutFor({ database, claims }: SettingValues): number {
  return Math.min(database.lockTimeoutMs, Math.floor(0.3 * claims.timeoutMs));
}

/** Completes the database's URL from the variables of libpq, and returns the mistakes in it. */
function completeUrl(
  { database }: SettingValues,
  env: NodeJS.ProcessEnv,
  source: SettingSource | undefined,
): string[] {
  if (database.url === undefined) return [];
  const label = source === 'file' ? 'DATABASE_URL (read from DATABASE_URL_FILE)' : 'DATABASE_URL';
  const { url, mistakes } = completeDatabaseUrl(database.url.reveal(), env, label);
  database.url = new Secret(url);
  return mistakes;
}

/** The API keys by name, with their environment variables. */
export const apiKeyVariables = Object.entries(apiKeySettings).map(([name, { variable }]) => ({
  name: name as ApiKeyName,
  variable,
}));

function keyVariablesIn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = [
    ...apiKeyVariables.flatMap(({ variable }) => [variable, `${variable}_FILE`]),
    ...Object.values(userTokensGroup.settings.userTokens).map(({ variable }) => variable),
  ];
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

/** The files of API keys, and of the keys of user tokens: the variable that names each, and its path. */
export function keyFiles(config: Config): { name: string; path: string }[] {
  const env = keyVariables.get(config) ?? {};
  const apiKeyFiles = apiKeyVariables.flatMap(({ variable }) => {
    const name = `${variable}_FILE`;
    const path = env[name];
    return path ? [{ name, path }] : [];
  });
  const tokenKeys = tokenKeysFile(config.userTokens);
  if (tokenKeys === undefined) return apiKeyFiles;
  return [...apiKeyFiles, { name: tokenKeys.variable, path: tokenKeys.path }];
}

/**
 * Reads the API keys and the keys of user tokens again, from the files that the configuration names, and checks them like
 * a start. Throws one `ConfigError` with every mistake.
 */
export function rereadKeys(config: Config): Pick<Config, 'auth' | 'userTokens' | 'warnings'> {
  return loadConfig(keyVariables.get(config) ?? {});
}

/** The effective settings and their sources, without secrets. A config made by hand has only defaults. */
export function describeConfig(config: Config): ConfigRow[] {
  return toRows(config, sources.get(config) ?? new Map());
}

/** The same as text for a terminal, one `VARIABLE=value` per line, with the warnings below. */
export function printConfig(config: Config): string {
  const warnings = config.warnings.map((warning) => `# warning: ${warning}`);
  return [toLines(describeConfig(config)), ...warnings].join('\n');
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
