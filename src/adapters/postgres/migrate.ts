// SPDX-License-Identifier: GPL-3.0-or-later
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import { StartError } from '../../core/errors.ts';
import { messageOf, type StartConnection, withStartConnection } from './connect.ts';
import { statement } from './statements.ts';

const readVersion = statement('read-version');
const findSchema = statement('find-schema');
const versionMin = 15;
const noRight = '42501';

/**
 * Brings the database to the tables and functions of this version and returns the names of the migrations applied.
 * Safe from several processes at once: one works, the others wait for it. Rejects with a `StartError`.
 */
export function migrate(options: StartConnection): Promise<string[]> {
  return withStartConnection(options, (client) => migrateWith(client));
}

/** The same over a connection that is there, in `schema`, which is created if need be; else where its tables go by default. */
export async function migrateWith(client: pg.ClientBase, schema?: string): Promise<string[]> {
  const watched = watch(client);
  try {
    const version = await client.query<{ major: number }>(readVersion.text);
    const major = version.rows[0]?.major ?? 0;
    if (major < versionMin) {
      throw new StartError(
        `the database is PostgreSQL ${major}; firstcome needs PostgreSQL ${versionMin} or later`,
      );
    }
    const applied = await runner({
      dbClient: watched.client,
      dir: fileURLToPath(new URL('./migrations/', import.meta.url)),
      ignorePattern: '.*\\.json',
      migrationsTable: 'schema_migrations',
      direction: 'up',
      advisoryLockMode: 'wait',
      logger: silent,
      verbose: false,
      ...(schema !== undefined && { schema, createSchema: !(await hasSchema(client, schema)) }),
    });
    return applied.map((migration) => migration.name);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const cause = watched.firstError() ?? error;
    const advice = (cause as { code?: string }).code === noRight ? adviceFor(client, schema) : [];
    const lines = [`the database could not be migrated: ${messageOf(cause)}`, ...advice];
    throw new StartError(lines.join('\n'), { cause });
  }
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
function adviceFor(client: pg.ClientBase, schema: string | undefined): string[] {
  const { user, database } = client as { user?: string; database?: string };
  const role = user === undefined ? '...' : client.escapeIdentifier(user);
  const advice =
    schema === undefined
      ? `Make this role the owner of the database (\`alter database ${client.escapeIdentifier(database ?? '...')} owner to ${role}\`), or grant it CREATE on the schema.`
      : `Make this role the owner of the schema (\`create schema ${schema} authorization ${role}\`, or \`alter schema ${schema} owner to ${role}\` where it is there), or grant it CREATE on the database.`;
  return [advice, 'Where another role has made the tables, run this as that role.'];
}

/** Asked first, since to create one that is there takes a right too. */
async function hasSchema(client: pg.ClientBase, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ exists: boolean }>(findSchema.text, [schema]);
  return rows[0]?.exists === true;
}

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
