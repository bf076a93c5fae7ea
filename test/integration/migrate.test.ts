// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/adapters/postgres/migrate.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

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

const migrateAsRole = () =>
  migrate({ url: url.href, connectTimeoutMs: 5_000, sleep: systemClock.sleep });

const linesOfRefusal = () =>
  migrateAsRole().then(
    () => ['migrated'],
    (error: Error) => [error.name, ...error.message.split('\n')],
  );

const advice = () => [
  expect.stringContaining(`\`alter database "${url.pathname.slice(1)}" owner to "${role}"\``),
  'Where another role has made the tables, run this as that role.',
];

it('a role that may not read the tables of another is told what to do', async () => {
  expect(await linesOfRefusal()).toEqual([
    'StartError',
    expect.stringMatching(/^the database could not be migrated: permission denied for /),
    ...advice(),
  ]);
});

it('a role that may make no tables is told what to do, in lines without a stack, and that helps', async () => {
  await database.query('drop schema public cascade');
  await database.query('create schema public authorization pg_database_owner');
  await database.query('grant usage on schema public to public');
  expect(await linesOfRefusal()).toEqual([
    'StartError',
    'the database could not be migrated: permission denied for schema public',
    ...advice(),
  ]);
  await database.query(`alter database "${url.pathname.slice(1)}" owner to ${role}`);
  expect(await migrateAsRole()).not.toEqual([]);
});

it('an error of the server in the list of migrations is told without a stack', async () => {
  await database.query('drop table schema_migrations');
  await database.query('create view schema_migrations as select 1 as id');
  const [name, first, ...others] = await linesOfRefusal();
  expect([name, others]).toEqual(['StartError', []]);
  expect(first).toMatch(/^the database could not be migrated: .*schema_migrations/);
});
