// SPDX-License-Identifier: GPL-3.0-or-later
import { fileURLToPath } from 'node:url';
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate';
import type pg from 'pg';
import { StartError } from '../../../core/errors.ts';
import { quoteName } from '../connections/search-path.ts';
import { assertEncoding } from '../start/encoding.ts';
import { messageOf, type StartConnection, withStartConnection } from '../start/start-connection.ts';
import { statement } from '../statements.ts';
import { type InstallationLocation, migrationsTable, wouldHide } from './choose-schema.ts';
import { findInstallation, readIdentity, type SchemaWanted } from './find-installation.ts';
import { migrationsFolder } from './migration-files.ts';

const readVersion = statement('read-version');
const tryLockMigrations = statement('try-lock-migrations');
const lockMigrations = statement('lock-migrations');
const versionMin = 15;
const noRight = '42501';
const noWrites = '25006';

/** What a migration works on. */
export type MigrateOptions = SchemaWanted & {
  /** Whether an installation may be made although the database has another one. */
  mayAddInstallation: boolean;
  /** Called with the reason where another session has to finish first. */
  onWait?: (reason: string) => void;
};

/** The installation that is up to date now, and the names of the migrations applied. */
export type Migrated = {
  schema: string;
  /** As `installation_identity()` returns it. */
  identity: string;
  applied: string[];
  /** Schemas that hold other installations. */
  others: string[];
};

/**
 * Brings an installation to the tables and functions of this version, or makes one. Safe from several processes at
 * once: one works, the others wait for it. Rejects with a `StartError`.
 */
export function migrate(options: MigrateOptions & StartConnection): Promise<Migrated> {
  return withStartConnection(options, (client) => migrateWith(client, options));
}

/**
 * The same over a connection that is there. Afterwards its search path is that of the installation, and the session keeps
 * the lock of the migrations: end it.
 */
export async function migrateWith(
  client: pg.ClientBase,
  options: MigrateOptions,
): Promise<Migrated> {
  const watched = watch(client);
  let place: InstallationLocation | undefined;
  try {
    const version = await client.query<{ major: number }>(readVersion.text);
    const major = version.rows[0]?.major ?? 0;
    if (major < versionMin) {
      throw new StartError(
        `the database is PostgreSQL ${major}; firstcome needs PostgreSQL ${versionMin} or later`,
      );
    }
    await assertEncoding(client);
    // From here on: otherwise two that start at once could choose two schemas.
    await takeLock(client, options);
    place = await findInstallation(client, options);
    const { schema, listSchema, schemaExists, isInstalled, others } = place;
    if (!isInstalled && others.length > 0 && !options.mayAddInstallation) {
      throw wouldHide(place, options.setting);
    }
    const applied = await runner({
      dbClient: watched.client,
      dir: fileURLToPath(migrationsFolder),
      ignorePattern: '.*\\.json',
      ...{ migrationsTable, direction: 'up', advisoryLockMode: 'wait' },
      ...{ logger: silent, verbose: false },
      ...{ schema, migrationsSchema: listSchema, createSchema: !schemaExists },
    });
    const identity = await readIdentity(client, schema);
    return { schema, identity, applied: applied.map(({ name }) => name), others };
  } catch (error) {
    if (error instanceof StartError) throw error;
    const cause = watched.firstError() ?? error;
    const { code } = cause as { code?: string };
    const advice = code === noRight ? adviceFor(client, place) : [];
    if (code === noWrites) advice.push('Migrate on the primary, while it takes writes.');
    const lines = [`the database could not be migrated: ${messageOf(cause)}`, ...advice];
    throw new StartError(lines.join('\n'), { cause });
  }
}

/** Takes the lock of the migrations. Its holder may need long, or be stuck, so a wait is reported. */
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

/** The connection as the runner takes it. The runner tells some errors of the server as a stack in a text of its own. */
function watch(client: pg.ClientBase): { client: pg.Client; firstError(): unknown } {
  let first: unknown;
  const query = async (text: string, values?: unknown[]) => {
    try {
      return await client.query(text, values);
    } catch (error) {
      first ??= error;
      throw error;
    }
  };
  return { client: { query } as unknown as pg.Client, firstError: () => first };
}

/** What to do for a role that lacks a right, in lines. */
function adviceFor(client: pg.ClientBase, place: InstallationLocation | undefined): string[] {
  const { user, database } = client as { user?: string; database?: string };
  const role = user === undefined ? '...' : quoteName(user);
  const owner = [
    'Make this role the owner of the database:',
    `\`alter database ${quoteName(database ?? '...')} owner to ${role}\``,
  ];
  if (place === undefined) return owner;
  const schema = quoteName(place.schema);
  return [
    ...owner,
    'or of the schema:',
    place.schemaExists
      ? `\`alter schema ${schema} owner to ${role}\``
      : `\`create schema ${schema} authorization ${role}\``,
    'Where another role has made the tables, run this as that role.',
  ];
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
