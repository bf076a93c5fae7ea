// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { type Migrated, migrate } from '../../src/adapters/postgres/installation/migrate.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { openPool } from './open-pool.ts';

/**
 * The schema of the tables in these databases. It has the name of the tests' role, so the role's search path finds it.
 */
export const schema = 'firstcome';

const template = 'firstcome_template';

/** Creates the migrated database that the test databases are copies of. */
export async function prepareTemplate(url: string): Promise<void> {
  await runOn(url, `create database ${template}`);
  await migrateDatabase(urlOf(url, template));
}

/**
 * Migrates as the service does: in the given schema or the one that it finds, on request beside another installation.
 */
export function migrateDatabase(
  url: string,
  options: { schema?: string; newInstallation?: boolean; finish?: boolean } = {},
): Promise<Migrated> {
  return migrate({
    ...{ url, connectTimeoutMs: 20_000, sleep: systemClock.sleep },
    ...{ schema: options.schema, setting: 'DATABASE_SCHEMA' },
    mayAddInstallation: options.newInstallation === true,
    finish: options.finish === true,
  });
}

/** A database for one test file: migrated, empty, and dropped by `drop`. */
export type TestDatabase = {
  url: string;
  /** Runs a statement past the service and returns its rows. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
};

/** A role that can log in, for one test. */
export type TestRole = {
  name: string;
  /** The URL with the name and password of this role. */
  urlOn(databaseUrl: string): URL;
  /** Drops the role and what it owns in its test database. */
  drop(): Promise<void>;
};

/** Creates a role on the server of a test database, with attributes such as `superuser`. */
export async function createRole(
  { query }: Pick<TestDatabase, 'query'>,
  attributes = '',
): Promise<TestRole> {
  const name = `role_${randomBytes(6).toString('hex')}`;
  await query(`create role ${name} ${attributes} login password 'secret'`);
  return {
    name,
    urlOn(databaseUrl) {
      const url = new URL(databaseUrl);
      [url.username, url.password] = [name, 'secret'];
      return url;
    },
    async drop() {
      await query(`drop owned by ${name} cascade`);
      await query(`drop role ${name}`);
    },
  };
}

/** Copies the template, on the project's PostgreSQL unless the URL of another server is given. */
export async function createTestDatabase(serverUrl = inject('postgresUrl')): Promise<TestDatabase> {
  const database = await createDatabase(template, serverUrl);
  // Else services with the same Redis would take it for a copy that lacks what the others have acknowledged.
  await database.query(`update ${schema}.installation set id = gen_random_uuid()`);
  return database;
}

/** Creates a database without our tables, as an administrator does. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabase('template1', inject('postgresUrl'));
}

async function createDatabase(source: string, serverUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runOn(serverUrl, `create database ${name} template ${source}`);
  const url = urlOf(serverUrl, name);
  const pool = openPool({ connectionString: url, max: 4 });
  return {
    url,
    query: async (sql, values) => (await pool.query(sql, values)).rows,
    async drop() {
      await pool.end();
      await runOn(serverUrl, `drop database ${name} with (force)`);
    },
  };
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function runOn(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
