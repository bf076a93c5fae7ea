// SPDX-License-Identifier: GPL-3.0-or-later
/** The table of settings: everything that can be configured, its default, its bounds and what it is for. */
import {
  choice,
  flag,
  followingNumber,
  list,
  optionalText,
  type SettingDefinition,
  type SettingDescription,
  secret,
  text,
  wholeNumber,
} from './kinds.ts';
import { whyNoOrigin } from './origins.ts';

const apiKey = {
  format: 'api-key',
  allowed: 'visible ASCII characters without spaces, since it travels in a header',
} as const;

/** Every setting under the name of its environment variable. Order is that of the help and the documentation. */
export const settingDefinitions = {
  HOST: text({
    group: 'HTTP',
    default: '127.0.0.1',
    format: 'host',
    allowed: 'a host name or an IP address, without scheme or port',
    help: 'Address to listen on. One that is not loopback needs ADMIN_API_KEY.',
  }),
  PORT: wholeNumber({
    group: 'HTTP',
    default: 8080,
    ...{ min: 0, max: 65_535 },
    help: 'Port to listen on; 0 takes a free one.',
  }),
  ALLOWED_HOSTS: list({
    group: 'HTTP',
    format: 'host-header',
    allowed: 'a host name or an IP address in full, without scheme or port',
    help:
      'Host names, separated by commas, under which the service answers besides loopback ones and, where HOST is not ' +
      'loopback, IP addresses and names without a dot. Where HOST is not loopback and ADMIN_API_KEY is set, it ' +
      'answers under every name.',
  }),
  CORS_ORIGINS: list({
    group: 'HTTP',
    format: 'origin',
    allowed: 'an origin in full, such as https://shop.example or capacitor://localhost',
    whyNot: whyNoOrigin,
    help:
      'Origins, separated by commas, whose pages may call the service: those of other sites, of app shells, and its ' +
      'own where a proxy in front changes the Host.',
  }),
  HTTP_HEADERS_TIMEOUT_MS: wholeNumber({
    group: 'HTTP',
    default: 5_000,
    ...{ min: 100, max: 600_000, unit: 'milliseconds' },
    help: 'How long a client may take to send the headers of a request, from its first byte on.',
  }),
  HTTP_REQUEST_TIMEOUT_MS: wholeNumber({
    group: 'HTTP',
    default: 10_000,
    ...{ min: 100, max: 600_000, unit: 'milliseconds' },
    help: 'How long a client may take to send a whole request; not below the headers timeout.',
  }),
  HTTP_KEEP_ALIVE_TIMEOUT_MS: wholeNumber({
    group: 'HTTP',
    default: 72_000,
    ...{ min: 1, max: 3_600_000, unit: 'milliseconds' },
    help: 'How long a connection may wait for a request; keep it above that of the proxy in front.',
  }),
  HTTP_CONNECTIONS_MAX: wholeNumber({
    group: 'HTTP',
    default: 10_000,
    ...{ min: 1, max: 1_000_000 },
    help: 'Connections open at once. From nine tenths on idle ones are closed; beyond it only health checks are served.',
  }),
  HTTP_HEADER_BYTES_MAX: wholeNumber({
    group: 'HTTP',
    default: 16_384,
    ...{ min: 4_096, max: 1_048_576, unit: 'bytes' },
    help: 'Size of the request line and headers together.',
  }),
  HTTP_BACKLOG: wholeNumber({
    group: 'HTTP',
    default: 4_096,
    ...{ min: 1, max: 65_535 },
    help: 'Connections that may wait to be accepted; the system may allow fewer.',
  }),

  ADMIN_API_KEY: secret({
    group: 'Access',
    ...apiKey,
    help: 'Key for whatever creates, changes, lists or exports.',
  }),
  CLAIM_API_KEY: secret({
    group: 'Access',
    ...apiKey,
    help: 'Key for claiming; the admin key is good for it too.',
  }),
  ALLOW_ANONYMOUS_ADMIN: flag({
    group: 'Access',
    default: false,
    help: 'Lets a service that is not on loopback run without ADMIN_API_KEY.',
  }),

  DATABASE_URL: secret({
    group: 'Database',
    format: 'postgres-url',
    allowed:
      'a URL that begins with postgres:// or postgresql://, special characters in its password and other values percent-encoded',
    help: 'PostgreSQL to use, with parameters such as sslmode as in libpq; when unset, a bundled one is started in DATA_DIR.',
  }),
  DATABASE_SCHEMA: optionalText({
    group: 'Database',
    format: 'schema',
    allowed:
      '1 to 63 lower case letters, digits and underscores, not begin with a digit or with pg_, and not be information_schema',
    help:
      'Schema that holds the tables. When unset: that of the installation there is in firstcome, ' +
      "public or the role's search path; where there is none, firstcome.",
  }),
  DATABASE_CLAIM_CONNECTIONS: wholeNumber({
    group: 'Database',
    default: 8,
    ...{ min: 1, max: 500 },
    help: 'Connections that decide claims: so many coupons can be decided at once. Those of all processes must fit into what the database admits.',
  }),
  DATABASE_QUERY_CONNECTIONS: wholeNumber({
    group: 'Database',
    default: 4,
    ...{ min: 1, max: 500 },
    help: 'Connections for everything else.',
  }),
  DATABASE_CONNECT_TIMEOUT_MS: wholeNumber({
    group: 'Database',
    default: 2_000,
    ...{ min: 100, max: 60_000, unit: 'milliseconds' },
    help: 'How long opening a connection may take.',
  }),
  DATABASE_WAIT_MS: wholeNumber({
    group: 'Database',
    default: 30_000,
    ...{ min: 0, max: 3_600_000, unit: 'milliseconds' },
    help: 'How long a start waits for a database that is not there yet or takes no writes yet; 0: not at all.',
  }),
  DATABASE_LOCK_TIMEOUT_MS: followingNumber({
    group: 'Database',
    usually: 1_500,
    ...{ min: 10, max: 60_000, unit: 'milliseconds' },
    help:
      "How long a batch waits for its coupon's lock; less than half of CLAIM_TIMEOUT_MS. " +
      'When unset: 0.3 of CLAIM_TIMEOUT_MS, at most 1500.',
  }),
  DATABASE_STATEMENT_TIMEOUT_MS: wholeNumber({
    group: 'Database',
    default: 10_000,
    ...{ min: 100, max: 600_000, unit: 'milliseconds' },
    help: 'How long one statement may run before the database cancels it.',
  }),
  DATABASE_CONNECTION_LIFETIME_MS: wholeNumber({
    group: 'Database',
    default: 1_800_000,
    ...{ min: 0, max: 604_800_000, unit: 'milliseconds' },
    help: 'How long a connection is used before a new one replaces it, give or take a tenth; 0: without a limit.',
  }),
  DATA_DIR: text({
    group: 'Database',
    default: '.firstcome',
    format: 'folder',
    allowed: 'the path of a folder',
    help: 'Folder in which the bundled PostgreSQL keeps its files.',
  }),

  CLAIM_TIMEOUT_MS: wholeNumber({
    group: 'Claims',
    default: 5_000,
    ...{ min: 100, max: 60_000, unit: 'milliseconds' },
    help: 'How long a claim may wait for its outcome.',
  }),
  CLAIM_BATCH_MAX: wholeNumber({
    group: 'Claims',
    default: 1_000,
    ...{ min: 1, max: 10_000 },
    help: 'Claims of one coupon that one transaction decides.',
  }),
  CLAIM_LANE_WAITING_MAX: wholeNumber({
    group: 'Claims',
    default: 10_000,
    ...{ min: 1, max: 1_000_000 },
    help: 'Claims of one coupon that may wait; further ones get "overloaded".',
  }),
  CLAIM_WAIT_MAX_MS: wholeNumber({
    group: 'Claims',
    default: 1_000,
    ...{ min: 10, max: 600_000, unit: 'milliseconds' },
    help: 'A claim that would wait longer behind others of its coupon gets "overloaded" at once.',
  }),
  CLAIM_LANES_MAX: wholeNumber({
    group: 'Claims',
    default: 20_000,
    ...{ min: 1, max: 1_000_000 },
    help: 'Coupons that may have claims waiting at once.',
  }),
  CLAIM_WAITING_MAX: wholeNumber({
    group: 'Claims',
    default: 50_000,
    ...{ min: 1, max: 10_000_000 },
    help: 'Claims of all coupons that may wait; not below CLAIM_LANE_WAITING_MAX.',
  }),
  CLAIM_SOLD_OUT_HOLDERS_MAX: wholeNumber({
    group: 'Claims',
    default: 2_000_000,
    ...{ min: 0, max: 100_000_000 },
    help: 'Holders of sold out coupons remembered, to refuse others without the database; 0: none.',
  }),
  STOCK_CHECK_INTERVAL_MS: wholeNumber({
    group: 'Operation',
    default: 1_000,
    ...{ min: 0, max: 3_600_000, unit: 'milliseconds' },
    help: 'How often the next part of all stock, claims and ledger is checked to agree; 0: never.',
  }),
  UNSAFE_DURABILITY: flag({
    group: 'Operation',
    default: false,
    help: 'Starts also on a database that can lose acknowledged claims, as for a test.',
  }),
  WORKERS: text({
    group: 'Operation',
    default: '1',
    format: 'workers',
    allowed: 'a whole number from 1 to 64, or auto for one a core',
    help: 'Processes that share the port; each has the connections and bounds set here.',
  }),
  LOG_LEVEL: choice({
    group: 'Operation',
    default: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    help: 'The least severe messages that are logged.',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText({
    group: 'Operation',
    format: 'collector-url',
    allowed: 'a URL of http:// or https:// without user, query, fragment or a final /v1/traces',
    help: 'Collector that traces are sent to, over HTTP at /v1/traces below it. Unset: no traces.',
  }),
  SHUTDOWN_DELAY_MS: wholeNumber({
    group: 'Operation',
    default: 0,
    ...{ min: 0, max: 600_000, unit: 'milliseconds' },
    help: 'Time between saying "not ready" and refusing connections.',
  }),
  SHUTDOWN_TIMEOUT_MS: wholeNumber({
    group: 'Operation',
    default: 4_000,
    ...{ min: 100, max: 600_000, unit: 'milliseconds' },
    help: 'How long requests in hand may take to end before they are cut off.',
  }),
};

/** The name of a setting's environment variable. */
export type SettingVariable = keyof typeof settingDefinitions;

/** What every variable's value has become once it was checked. */
export type SettingValues = {
  [Variable in SettingVariable]: (typeof settingDefinitions)[Variable] extends SettingDefinition<
    infer Value
  >
    ? Value
    : never;
};

/** One row of the table of settings. */
export type Setting = SettingDescription & { variable: SettingVariable };

/** Every setting, in the order in which they are printed. */
export const settings: readonly Setting[] = Object.entries(settingDefinitions).map(
  ([variable, { unset: _, read: __, ...description }]) => ({
    variable: variable as SettingVariable,
    ...description,
  }),
);
