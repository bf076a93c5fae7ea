// SPDX-License-Identifier: GPL-3.0-or-later
/** Configuration: reads the environment once, checks all of it, and gives one frozen value that the parts share. */
import { availableParallelism } from 'node:os';
import { checkVariables } from './config/check.ts';
import { completeDatabaseUrl, libpqVariableNames } from './config/database-url.ts';
import { type ConfigRow, settingsHelp, toLines, toRows } from './config/description.ts';
import { inBrackets } from './config/formats.ts';
import { misspeltVariables } from './config/misspelt-variables.ts';
import { toOrigin } from './config/origins.ts';
import { isLoopback, rulesBetween, warningsAbout } from './config/rules.ts';
import { type SettingValues, type SettingVariable, settings } from './config/settings.ts';
import { readVariables, type SettingSource } from './config/variables.ts';
import { Secret } from './core/secret.ts';

export { isLoopback, libpqVariableNames, settings, settingsHelp };

/** Everything that can be configured, checked. Frozen through and through: a write to it throws. */
export type Config = {
  http: {
    host: string;
    /** 0 takes a free port. */
    port: number;
    /** Host names in the form in which `URL.hostname` gives them: lower case, IPv6 in brackets, no port. */
    allowedHosts: string[];
    /** Origins as browsers and web views send them: scheme and host name in lower case, no default port. */
    corsOrigins: string[];
    headersTimeoutMs: number;
    /** Never below `headersTimeoutMs`. */
    requestTimeoutMs: number;
    keepAliveTimeoutMs: number;
    connectionsMax: number;
    headerBytesMax: number;
    backlog: number;
  };
  auth: {
    adminApiKey: Secret | undefined;
    claimApiKey: Secret | undefined;
    allowAnonymousAdmin: boolean;
  };
  database: {
    /** Leaves nothing to the environment. Undefined: the bundled PostgreSQL is wanted. */
    url: Secret | undefined;
    /** Undefined: it is found out at the start. */
    schema: string | undefined;
    claimConnections: number;
    queryConnections: number;
    connectTimeoutMs: number;
    /** How long a start waits for the database; 0: one try. */
    waitMs: number;
    /** Always less than half of `claims.timeoutMs`. */
    lockTimeoutMs: number;
    statementTimeoutMs: number;
    /** 0: connections are used without a limit of time. */
    connectionLifetimeMs: number;
  };
  /** As given: relative to the folder in which the service was started unless absolute. */
  dataDir: string;
  claims: {
    timeoutMs: number;
    batchMax: number;
    laneWaitingMax: number;
    waitMaxMs: number;
    lanesMax: number;
    /** Never below `laneWaitingMax`. */
    waitingMax: number;
    /** 0: no coupon's holders are remembered. */
    soldOutHoldersMax: number;
  };
  /** 0: the stock is never checked. */
  stockCheckIntervalMs: number;
  /** Whether a database that can lose acknowledged claims will do. */
  unsafeDurability: boolean;
  /** Processes that serve. */
  workers: number;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** Base URL of the collector of traces; undefined: nothing is traced. */
  otlpEndpoint: string | undefined;
  shutdown: { delayMs: number; timeoutMs: number };
  /** What an operator should know although it is allowed; to be logged once at the start. */
  warnings: string[];
};

/** The environment cannot be used as it is: each mistake is one line that names the variable and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly mistakes: string[];

  constructor(mistakes: string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

const sources = new WeakMap<Config, ReadonlyMap<SettingVariable, SettingSource>>();

/** Reads and checks the whole environment, and what a command says over it. Throws one `ConfigError` that holds every mistake. */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  overrides: Record<string, string> = {},
): Config {
  const given = readVariables({ ...env, ...overrides });
  const { values, wrong, mistakes } = checkVariables(given);
  const misspelt = misspeltVariables(env);
  // The rules leave out what these were meant for, as its value is not known.
  for (const { about } of misspelt) wrong.add(about);
  mistakes.unshift(...misspelt.map(({ mistake }) => mistake));
  const lockTimeoutMs =
    values.DATABASE_LOCK_TIMEOUT_MS ?? Math.min(1_500, Math.floor(0.3 * values.CLAIM_TIMEOUT_MS));
  for (const rule of rulesBetween(values, lockTimeoutMs)) {
    if (rule.broken && !rule.about.some((variable) => wrong.has(variable))) {
      mistakes.push(rule.mistake);
    }
  }
  if (values.DATABASE_URL !== undefined) {
    const label = `DATABASE_URL${given.sources.get('DATABASE_URL') === 'file' ? ' (read from DATABASE_URL_FILE)' : ''}`;
    const completed = completeDatabaseUrl(values.DATABASE_URL, env, label);
    values.DATABASE_URL = completed.url;
    mistakes.push(...completed.mistakes);
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const warnings = [...given.warnings, ...warningsAbout(values)];
  const config = deepFreeze({ ...toConfig(values, lockTimeoutMs), warnings });
  sources.set(config, given.sources);
  return config;
}

/** The keys as they are now, and the variables whose files they come from. */
export type RereadKeys = {
  adminApiKey: Secret | undefined;
  claimApiKey: Secret | undefined;
  files: string[];
  warnings: string[];
};

/** Reads the API keys anew, and nothing else of the environment. Throws one `ConfigError` that holds every mistake. */
export function rereadApiKeys(env: NodeJS.ProcessEnv = process.env): RereadKeys {
  const variables = ['ADMIN_API_KEY', 'CLAIM_API_KEY'] as const;
  const names = variables.flatMap((variable) => [variable, `${variable}_FILE`]);
  const { auth, warnings } = loadConfig(Object.fromEntries(names.map((name) => [name, env[name]])));
  const files = variables.map((variable) => `${variable}_FILE`).filter((name) => env[name]);
  return { adminApiKey: auth.adminApiKey, claimApiKey: auth.claimApiKey, files, warnings };
}

/** The settings in force and where each came from, without secrets. A config made by hand has only defaults. */
export function describeConfig(config: Config): ConfigRow[] {
  return toRows(config, sources.get(config) ?? new Map());
}

/** The same as text for a terminal, one `VARIABLE=value` a line, with the warnings below. */
export function printConfig(config: Config): string {
  const warnings = config.warnings.map((warning) => `# warning: ${warning}`);
  return [toLines(describeConfig(config)), ...warnings].join('\n');
}

function toConfig(values: SettingValues, lockTimeoutMs: number): Omit<Config, 'warnings'> {
  return {
    http: {
      host: values.HOST,
      port: values.PORT,
      allowedHosts: values.ALLOWED_HOSTS.map(toHostname),
      corsOrigins: values.CORS_ORIGINS.map(toOrigin),
      headersTimeoutMs: values.HTTP_HEADERS_TIMEOUT_MS,
      requestTimeoutMs: values.HTTP_REQUEST_TIMEOUT_MS,
      keepAliveTimeoutMs: values.HTTP_KEEP_ALIVE_TIMEOUT_MS,
      connectionsMax: values.HTTP_CONNECTIONS_MAX,
      headerBytesMax: values.HTTP_HEADER_BYTES_MAX,
      backlog: values.HTTP_BACKLOG,
    },
    auth: {
      adminApiKey: toSecret(values.ADMIN_API_KEY),
      claimApiKey: toSecret(values.CLAIM_API_KEY),
      allowAnonymousAdmin: values.ALLOW_ANONYMOUS_ADMIN,
    },
    database: {
      url: toSecret(values.DATABASE_URL),
      schema: values.DATABASE_SCHEMA,
      claimConnections: values.DATABASE_CLAIM_CONNECTIONS,
      queryConnections: values.DATABASE_QUERY_CONNECTIONS,
      connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT_MS,
      waitMs: values.DATABASE_WAIT_MS,
      lockTimeoutMs,
      statementTimeoutMs: values.DATABASE_STATEMENT_TIMEOUT_MS,
      connectionLifetimeMs: values.DATABASE_CONNECTION_LIFETIME_MS,
    },
    dataDir: values.DATA_DIR,
    claims: {
      timeoutMs: values.CLAIM_TIMEOUT_MS,
      batchMax: values.CLAIM_BATCH_MAX,
      laneWaitingMax: values.CLAIM_LANE_WAITING_MAX,
      waitMaxMs: values.CLAIM_WAIT_MAX_MS,
      lanesMax: values.CLAIM_LANES_MAX,
      waitingMax: values.CLAIM_WAITING_MAX,
      soldOutHoldersMax: values.CLAIM_SOLD_OUT_HOLDERS_MAX,
    },
    stockCheckIntervalMs: values.STOCK_CHECK_INTERVAL_MS,
    unsafeDurability: values.UNSAFE_DURABILITY,
    workers: values.WORKERS === 'auto' ? availableParallelism() : Number(values.WORKERS),
    logLevel: values.LOG_LEVEL,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
    shutdown: { delayMs: values.SHUTDOWN_DELAY_MS, timeoutMs: values.SHUTDOWN_TIMEOUT_MS },
  };
}

function toHostname(host: string): string {
  return new URL(`http://${inBrackets(host)}`).hostname;
}

function toSecret(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}

function deepFreeze<Value extends object>(value: Value): Value {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
