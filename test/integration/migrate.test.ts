// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/adapters/postgres/installation/migrate.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import {
  createTestDatabase,
  migrateDatabase,
  type TestDatabase,
} from '../support/test-database.ts';

const role = `guest_${randomBytes(6).toString('hex')}`;
let database: TestDatabase;
let url: URL;

beforeAll(async () => {
  database = await createTestDatabase();
  url = new URL(database.url);
  url.username = role;
  url.password = 'secret';
  await database.query(`create role ${role} login password 'secret'`);
});

afterAll(async () => {
  await database.query(`reassign owned by ${role} to current_user`);
  await database.query(`drop owned by ${role} cascade`);
  await database.query(`drop role ${role}`);
  await database.drop();
});

const migrateAsRole = () => migrateDatabase(url.href);

const linesOfRefusal = () =>
  migrateAsRole().then(
    () => ['migrated'],
    (error: Error) => [error.name, ...error.message.split('\n')],
  );

const advice = (onSchema: string) => [
  'Make this role the owner of the database:',
  `\`alter database "${url.pathname.slice(1)}" owner to "${role}"\``,
  'or of the schema:',
  onSchema,
  'If another role created the tables, run this as that role.',
];

it('a migration that has to wait for another one says so', async () => {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  try {
    const { rows } = await holder.query(
      'select pg_backend_pid() as pid, pg_advisory_lock(7241865325823964)',
    );
    const waits: string[] = [];
    const migrated = await migrate({
      ...{ url: database.url, connectTimeoutMs: 20_000, sleep: systemClock.sleep },
      ...{ schema: undefined, setting: 'DATABASE_SCHEMA', mayAddInstallation: false },
      onWait(reason) {
        waits.push(reason);
        void holder.query('select pg_advisory_unlock_all()');
      },
    });
    expect(migrated.schema).toBe('firstcome');
    expect(waits).toEqual([`the server's process ${rows[0].pid} holds the lock for migrations`]);
  } finally {
    await holder.end();
  }
});

it('a database that a later release has migrated is used as it is, so that a rollback needs no migration', async () => {
  const list = 'firstcome.schema_migrations';
  await database.query(`insert into ${list} (name, run_on) values ('9999_later', now())`);
  try {
    const migrated = await migrateDatabase(database.url);
    expect(migrated).toMatchObject({ schema: 'firstcome', applied: [] });
  } finally {
    await database.query(`delete from ${list} where name = '9999_later'`);
  }
});

it('a role that may not read the tables of another gets advice', async () => {
  expect(await linesOfRefusal()).toEqual([
    'StartError',
    'the database could not be migrated: permission denied for schema firstcome',
    ...advice(`\`alter schema "firstcome" owner to "${role}"\``),
  ]);
});

it('a role that may create no schema gets advice, in lines without a stack, which helps', async () => {
  await database.query('drop schema firstcome cascade');
  expect(await linesOfRefusal()).toEqual([
    'StartError',
    `the database could not be migrated: permission denied for database ${url.pathname.slice(1)}`,
    ...advice(`\`create schema "firstcome" authorization "${role}"\``),
  ]);
  await database.query(`alter database "${url.pathname.slice(1)}" owner to ${role}`);
  expect((await migrateAsRole()).applied).not.toEqual([]);
});

it('an error of the server about the list of migrations is reported without a stack', async () => {
  const list = 'firstcome.schema_migrations';
  await database.query(`alter table ${list} drop constraint schema_migrations_pkey`);
  await database.query(`update ${list} set id = 1`);
  const [name, first, ...others] = await linesOfRefusal();
  expect([name, others]).toEqual(['StartError', []]);
  expect(first).toMatch(/^the database could not be migrated: .*schema_migrations/);
});
