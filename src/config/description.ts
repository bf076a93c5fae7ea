// SPDX-License-Identifier: GPL-3.0-or-later
/** Configuration as people read it: the settings in force, and the help on all of them. */
import type { Config } from '../config.ts';
import { readConnectionUrl, writeConnectionUrl } from '../core/connection-url.ts';
import { inLines } from '../core/lines.ts';
import { type SettingGroup, settingGroups } from './kinds.ts';
import { type Setting, type SettingVariable, settings } from './settings.ts';
import type { SettingSource } from './variables.ts';

/** One setting in force. The value is as it would be written in the environment, and empty when there is none. */
export type ConfigRow = { variable: SettingVariable; value: string; source: SettingSource };

const columnsMax = 80;

/** One row a setting, in the order of the table. Holds no secret: of the database only its address and name. */
export function toRows(
  config: Config,
  sources: ReadonlyMap<SettingVariable, SettingSource>,
): ConfigRow[] {
  const values = toValues(config);
  return settings.map(({ variable }) => ({
    variable,
    value: values[variable],
    source: sources.get(variable) ?? 'default',
  }));
}

/** The rows as lines, one `VARIABLE=value` each, with where the value came from unless it is the default. */
export function toLines(rows: readonly ConfigRow[]): string {
  return rows
    .map(({ variable, value, source }) => {
      const line = `${variable}=${value}`;
      return source === 'default' ? line : `${line}  # ${source}`;
    })
    .join('\n');
}

/** Every setting by group, with its default and what it does, in lines of at most 80 columns. */
export function settingsHelp(): string {
  return settingGroups
    .map((group) => `${group}\n${settingsOf(group).map(helpOn).join('\n')}`)
    .join('\n\n');
}

/** The settings under one heading. */
export function settingsOf(group: SettingGroup): Setting[] {
  return settings.filter((setting) => setting.group === group);
}

function helpOn(setting: Setting): string {
  const { variable, help } = setting;
  const file = setting.secret ? ` (or ${variable}_FILE, the path of a file that holds it)` : '';
  return `  ${variable}=${setting.default ?? ''}${file}\n${inLines(help, columnsMax, '      ')}`;
}

function toValues(config: Config): Record<SettingVariable, string> {
  const { http, auth, database, claims, shutdown } = config;
  return {
    HOST: http.host,
    PORT: String(http.port),
    ALLOWED_HOSTS: http.allowedHosts.join(','),
    CORS_ORIGINS: http.corsOrigins.join(','),
    HTTP_HEADERS_TIMEOUT_MS: String(http.headersTimeoutMs),
    HTTP_REQUEST_TIMEOUT_MS: String(http.requestTimeoutMs),
    HTTP_KEEP_ALIVE_TIMEOUT_MS: String(http.keepAliveTimeoutMs),
    HTTP_CONNECTIONS_MAX: String(http.connectionsMax),
    HTTP_HEADER_BYTES_MAX: String(http.headerBytesMax),
    HTTP_BACKLOG: String(http.backlog),
    ADMIN_API_KEY: auth.adminApiKey?.toString() ?? '',
    CLAIM_API_KEY: auth.claimApiKey?.toString() ?? '',
    ALLOW_ANONYMOUS_ADMIN: String(auth.allowAnonymousAdmin),
    DATABASE_URL: database.url === undefined ? '' : withoutSecrets(database.url.reveal()),
    DATABASE_SCHEMA: database.schema ?? '',
    DATABASE_CLAIM_CONNECTIONS: String(database.claimConnections),
    DATABASE_QUERY_CONNECTIONS: String(database.queryConnections),
    DATABASE_CONNECT_TIMEOUT_MS: String(database.connectTimeoutMs),
    DATABASE_WAIT_MS: String(database.waitMs),
    DATABASE_LOCK_TIMEOUT_MS: String(database.lockTimeoutMs),
    DATABASE_STATEMENT_TIMEOUT_MS: String(database.statementTimeoutMs),
    DATABASE_CONNECTION_LIFETIME_MS: String(database.connectionLifetimeMs),
    DATA_DIR: config.dataDir,
    CLAIM_TIMEOUT_MS: String(claims.timeoutMs),
    CLAIM_BATCH_MAX: String(claims.batchMax),
    CLAIM_LANE_WAITING_MAX: String(claims.laneWaitingMax),
    CLAIM_WAIT_MAX_MS: String(claims.waitMaxMs),
    CLAIM_LANES_MAX: String(claims.lanesMax),
    CLAIM_WAITING_MAX: String(claims.waitingMax),
    CLAIM_SOLD_OUT_HOLDERS_MAX: String(claims.soldOutHoldersMax),
    STOCK_CHECK_INTERVAL_MS: String(config.stockCheckIntervalMs),
    UNSAFE_DURABILITY: String(config.unsafeDurability),
    WORKERS: String(config.workers),
    LOG_LEVEL: config.logLevel,
    OTEL_EXPORTER_OTLP_ENDPOINT: config.otlpEndpoint ?? '',
    SHUTDOWN_DELAY_MS: String(shutdown.delayMs),
    SHUTDOWN_TIMEOUT_MS: String(shutdown.timeoutMs),
  };
}

const shownParameters: readonly string[] = ['host', 'port', 'dbname', 'sslmode'];
const account: readonly string[] = ['user', 'password'];

/** Where the URL leads, and how it is encrypted. The account and the other parameters may hold secrets. */
function withoutSecrets(url: string): string {
  const given = readConnectionUrl(url)?.given ?? new Map();
  const names = [...given.keys()];
  const shown = writeConnectionUrl(
    new Map([...given].filter(([name]) => shownParameters.includes(name))),
  );
  const hidden = names.some((name) => account.includes(name)) ? '[hidden]@' : '';
  const others = names.some((name) => ![...shownParameters, ...account].includes(name));
  const more = others ? `${shown.includes('?') ? '&' : '?'}[hidden]` : '';
  return `${shown.replace('://', `://${hidden}`)}${more}`;
}
