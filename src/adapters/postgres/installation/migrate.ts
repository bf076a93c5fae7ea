// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate';
import type pg from 'pg';
import { messageOf } from '../../../core/error-message.ts';
import { StartError } from '../../../core/errors.ts';
import { quoteName } from '../connections/search-path.ts';
import { assertEncoding } from '../start/encoding.ts';
import { type StartConnection, withStartConnection } from '../start/start-connection.ts';
import { statement } from '../statements.ts';
import { type InstallationLocation, migrationsTable, secondInstallation } from './choose-schema.ts';
import {
  findInstallation,
  readIdentity,
  readMigrations,
  type SchemaWanted,
} from './find-installation.ts';
import { migrationFiles, migrationsFolder } from './migration-files.ts';
import { assertNoOlderSession } from './older-sessions.ts';

const readVersion = statement('read-version');
const tryLockMigrations = statement('try-lock-migrations');
const lockMigrations = statement('lock-migrations');
const setSession = statement('set-session');
const rollbackTransaction = statement('rollback-transaction');
const versionMin = 15;
const noRight = '42501';
const noWrites = '25006';
const lockNotAvailable = '55P03';
// Claims wait behind the lock meanwhile, and their own limit is longer.
const tableLockWait = '500ms';
const tryAgainMs = 2_000;

/** Which installation a migration works on. */
export type MigrateOptions = SchemaWanted & {
  /** Allows a new installation in a database that has another one. */
  mayAddInstallation: boolean;
  /** Also applies the migrations with which services of earlier releases cannot go on; refuses while one is connected. */
  finish?: boolean;
  /** Called with the reason when another session has to finish first. */
  onWait?: (reason: string) => void;
};

/** The installation, now up to date, and the names of the migrations that were applied. */
export type Migrated = {
  schema: string;
  /** As `installation_identity()` returns it. */
  identity: string;
  applied: string[];
  /** Migrations that only `finish` applies. */
  unfinished: string[];
  /** Schemas that hold other installations. */
  others: string[];
};

/**
 * Brings an installation to the tables and functions of this version, or creates one. Several processes may do so at
 * the same time: one works, the others wait for it. In an installation that exists, services of the release before can
 * go on meanwhile and afterwards, until `finish`. Rejects with a `StartError`.
 */
export function migrate(options: MigrateOptions & StartConnection): Promise<Migrated> {
  return withStartConnection(options, (client) => migrateWith(client, options));
}

/**
 * The same on an open connection. Afterwards its search path is that of the installation, and its session still holds
 * the lock for migrations until the caller ends it.
 */
export async function migrateWith(
  client: pg.ClientBase,
  options: MigrateOptions,
): Promise<Migrated> {
  const recorded = recordErrors(client);
  let location: InstallationLocation | undefined;
  try {
    const version = await client.query<{ major: number }>(readVersion.text);
    const major = version.rows[0]?.major ?? 0;
    if (major < versionMin) {
      throw new StartError(
        `the database is PostgreSQL ${major}; firstcome needs PostgreSQL ${versionMin} or later`,
      );
    }
    await assertEncoding(client);
    // Before the schema is chosen: otherwise two processes that start together could choose two schemas.
    await takeLock(client, options);
    location = await findInstallation(client, options);
    const { schema, listSchema, schemaExists, isInstalled, others } = location;
    if (!isInstalled && others.length > 0 && !options.mayAddInstallation) {
      throw secondInstallation(location, options.setting);
    }
    const run = (names: readonly string[]) =>
      withoutLongLocks(client, { recorded, onWait: options.onWait }, () =>
        apply(names, {
          ...{ dbClient: recorded.client, schema, migrationsSchema: listSchema },
          createSchema: !schemaExists,
        }),
      );
    const applied = await run(namesWhere((isCompatible) => isCompatible));
    const stored = await readMigrations(client, listSchema);
    const pending = namesWhere(() => true).filter((name) => !stored.includes(name));
    const finishes = !isInstalled || options.finish === true;
    if (finishes && pending.length > 0) {
      if (isInstalled) await assertNoOlderSession(client);
      applied.push(...(await run(pending)));
    }
    const identity = await readIdentity(client, schema);
    return { schema, identity, applied, unfinished: finishes ? [] : pending, others };
  } catch (error) {
    if (error instanceof StartError) throw error;
    const cause = recorded.firstError() ?? error;
    const { code } = cause as { code?: string };
    const advice = code === noRight ? adviceFor(client, location) : [];
    if (code === noWrites) advice.push('Migrate on the primary, while it takes writes.');
    const lines = [`the database could not be migrated: ${messageOf(cause)}`, ...advice];
    throw new StartError(lines.join('\n'), { cause });
  }
}

/**
 * Applies migrations without a long wait for the lock of a table: all claims would wait behind it, for as long as another
 * session reads that table, such as a `pg_dump`. Nothing is applied while the lock is held, and it is tried again.
 */
async function withoutLongLocks<Result>(
  client: pg.ClientBase,
  { recorded, onWait }: { recorded: RecordedErrors; onWait: MigrateOptions['onWait'] | undefined },
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query(setSession.text, [['lock_timeout'], [tableLockWait]]);
  for (let isFirst = true; ; isFirst = false) {
    try {
      const result = await work();
      await client.query(setSession.text, [['lock_timeout'], ['0']]);
      return result;
    } catch (error) {
      const { code } = (recorded.firstError() ?? error) as { code?: string };
      if (code !== lockNotAvailable) throw error;
      // The runner can leave its transaction open.
      await client.query(rollbackTransaction.text);
      recorded.forget();
      if (isFirst) onWait?.('another session holds the lock of a table; it is tried again');
      await sleep(tryAgainMs);
    }
  }
}

function namesWhere(isWanted: (isCompatible: boolean) => boolean): string[] {
  return migrationFiles.filter((file) => isWanted(file.isCompatible)).map(({ name }) => name);
}

/** Applies those of the migrations that the database lacks, and returns their names. */
async function apply(
  names: readonly string[],
  where: { dbClient: pg.Client; schema: string; migrationsSchema: string; createSchema: boolean },
): Promise<string[]> {
  const files = names.map((name) => `${name}\\.sql`).join('|');
  const applied = await runner({
    ...{ ...where, dir: fileURLToPath(migrationsFolder), ignorePattern: `(?!(?:${files})$).*` },
    // A migration that finishes an upgrade may come after later ones.
    ...{ migrationsTable, direction: 'up', checkOrder: false, advisoryLockMode: 'wait' },
    ...{ logger: noLogger, verbose: false },
  });
  return applied.map(({ name }) => name);
}

/** Takes the lock for migrations. Its holder may take long or hang, so a wait is reported. */
async function takeLock(client: pg.ClientBase, { onWait }: MigrateOptions): Promise<void> {
  const { rows } = await client.query<{ is_taken: boolean; holder: number | null }>(
    tryLockMigrations.text,
    [PG_MIGRATE_LOCK_ID],
  );
  if (rows[0]?.is_taken) return;
  const holder = rows[0]?.holder;
  if (holder) onWait?.(`the server's process ${holder} holds the lock for migrations`);
  await client.query(lockMigrations.text, [PG_MIGRATE_LOCK_ID]);
}

/** The connection for the runner, with the server's first error, which the runner may hide in a text of its own. */
type RecordedErrors = { client: pg.Client; firstError(): unknown; forget(): void };

function recordErrors(client: pg.ClientBase): RecordedErrors {
  let first: unknown;
  const query = async (text: string, values?: unknown[]) => {
    try {
      return await client.query(text, values);
    } catch (error) {
      first ??= error;
      throw error;
    }
  };
  return {
    client: { query } as unknown as pg.Client,
    firstError: () => first,
    forget: () => {
      first = undefined;
    },
  };
}

/** Advice for a role without a needed privilege, in lines. */
function adviceFor(client: pg.ClientBase, location: InstallationLocation | undefined): string[] {
  const { user, database } = client as { user?: string; database?: string };
  const role = user === undefined ? '...' : quoteName(user);
  const owner = [
    'Make this role the owner of the database:',
    `\`alter database ${quoteName(database ?? '...')} owner to ${role}\``,
  ];
  if (location === undefined) return owner;
  const schema = quoteName(location.schema);
  return [
    ...owner,
    'or of the schema:',
    location.schemaExists
      ? `\`alter schema ${schema} owner to ${role}\``
      : `\`create schema ${schema} authorization ${role}\``,
    'If another role created the tables, run this as that role.',
  ];
}

const noLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
