// SPDX-License-Identifier: GPL-3.0-or-later
import { isPath, isPostgresUrl, isSchemaName } from '../formats.ts';
import { optionalText, secret, text, wholeNumber } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';
import { shownDatabaseUrl } from '../shown-database-url.ts';

/** The settings of the database. */
export const databaseGroup = {
  heading: 'Database',
  introduction: 'Which PostgreSQL the service uses, and how long it waits for it.',
  settings: {
    database: {
      /** Complete: no variable of libpq adds to it. Undefined: the service starts the bundled PostgreSQL. */
      url: secret({
        variable: 'DATABASE_URL',
        isValid: isPostgresUrl,
        show: shownDatabaseUrl,
        allowed:
          'a URL that begins with postgres:// or postgresql://, special characters in its password and other values percent-encoded',
        help: 'PostgreSQL to use, with parameters such as sslmode as in libpq; when unset, a bundled one is started in DATA_DIR.',
      }),
      /** Undefined: the start finds the installation. */
      schema: optionalText({
        variable: 'DATABASE_SCHEMA',
        isValid: isSchemaName,
        allowed:
          '1 to 63 lower case letters, digits and underscores, not begin with a digit or with pg_, and not be information_schema',
        help:
          'Schema that holds the tables. When unset: that of the existing installation in firstcome, ' +
          "public or the role's search path; without an installation, firstcome.",
      }),
      claimConnections: wholeNumber({
        variable: 'DATABASE_CLAIM_CONNECTIONS',
        default: 8,
        min: 1,
        max: 500,
        help: 'Connections that decide claims: so many coupons can be decided at once. The database must admit those of all processes together.',
      }),
      queryConnections: wholeNumber({
        variable: 'DATABASE_QUERY_CONNECTIONS',
        default: 4,
        min: 1,
        max: 500,
        help: 'Connections for everything else.',
      }),
      connectTimeoutMs: wholeNumber({
        variable: 'DATABASE_CONNECT_TIMEOUT_MS',
        default: 2_000,
        min: 100,
        max: 60_000,
        unit: 'milliseconds',
        help: 'How long opening a connection may take.',
      }),
      waitMs: wholeNumber({
        variable: 'DATABASE_WAIT_MS',
        default: 30_000,
        min: 0,
        max: 3_600_000,
        unit: 'milliseconds',
        help: 'How long a start waits for a database that is not there yet or takes no writes yet; 0: not at all.',
      }),
      /** Always less than half of `claims.timeoutMs`, which it follows while it is unset. */
      lockTimeoutMs: wholeNumber({
        variable: 'DATABASE_LOCK_TIMEOUT_MS',
        default: 1_500,
        min: 10,
        max: 60_000,
        unit: 'milliseconds',
        help:
          "How long a batch waits for its coupon's lock; less than half of CLAIM_TIMEOUT_MS. " +
          'When unset: 0.3 of CLAIM_TIMEOUT_MS, at most 1500.',
      }),
      statementTimeoutMs: wholeNumber({
        variable: 'DATABASE_STATEMENT_TIMEOUT_MS',
        default: 10_000,
        min: 100,
        max: 600_000,
        unit: 'milliseconds',
        help: 'How long one statement may run before the database cancels it.',
      }),
      connectionLifetimeMs: wholeNumber({
        variable: 'DATABASE_CONNECTION_LIFETIME_MS',
        default: 1_800_000,
        min: 0,
        max: 604_800_000,
        unit: 'milliseconds',
        help: 'How long a connection is used before a new one replaces it, give or take a tenth; 0: without a limit.',
      }),
    },
    /** As given: a relative path starts at the folder in which the service was started. */
    dataDir: text({
      variable: 'DATA_DIR',
      default: '.firstcome',
      isValid: isPath,
      allowed: 'the path of a folder',
      help: 'Folder in which the bundled PostgreSQL keeps its files.',
    }),
  },
} satisfies SettingGroup;
