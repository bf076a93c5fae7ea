// SPDX-License-Identifier: GPL-3.0-or-later
/** What a start leaves for `firstcome migrate --finish`, and when that refuses. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Migrated, migrate } from '../../src/adapters/postgres/installation/migrate.ts';
import { migrationFiles } from '../../src/adapters/postgres/installation/migration-files.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createFirstcome, migrate as migrateLibrary } from '../../src/library.ts';
import { openDatabase } from '../support/open-database.ts';
import { openPool } from '../support/open-pool.ts';
import { lastOfReleaseBefore, migrateAsReleased } from '../support/released-migrations.ts';
import { startService } from '../support/service.ts';
import { createEmptyDatabase, createRole, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const adapter = join(import.meta.dirname, '../../src/adapters/postgres');
const compatible = migrationFiles.filter((file) => file.isCompatible).map(({ name }) => name);
const incompatible = migrationFiles.filter((file) => !file.isCompatible).map(({ name }) => name);

let database: TestDatabase;
const sessions: pg.Client[] = [];

beforeEach(async () => {
  database = await createEmptyDatabase();
  await database.query('create schema firstcome');
});

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.end()));
  await database.drop();
});

const migrateWith = (
  options: { finish?: boolean; onWait?: (reason: string) => void } = {},
  url = database.url,
): Promise<Migrated> =>
  migrate({
    ...{ url, connectTimeoutMs: 20_000, sleep: systemClock.sleep },
    ...{ schema: undefined, setting: 'DATABASE_SCHEMA', mayAddInstallation: false, ...options },
  });

/** A database as the release before has left it. */
const asBefore = () => migrateAsReleased(database.url, lastOfReleaseBefore);

const hasOldFunctions = async () => {
  const [row] = await database.query<{ is_there: boolean }>(
    `select to_regproc('firstcome.add_stock_2') is not null as is_there`,
  );
  return row?.is_there;
};

/** A session that stays open, with its last statement. */
async function openSession(name: string, statement: string, url = database.url): Promise<number> {
  const session = new pg.Client({ connectionString: url, application_name: name });
  await session.connect();
  sessions.push(session);
  await session.query('set search_path = firstcome');
  await session.query(statement);
  const [row] = await database.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1 and datname = current_database()',
    [name],
  );
  return row?.pid ?? 0;
}

/** Lets a role do what the creator of the database may do, and see what it does. */
const asCreator = (role: string) =>
  `do $$ begin execute format('grant %I to ${role}', current_user); end $$`;

const linesOf = (migrating: Promise<unknown>) =>
  migrating.then(
    () => ['migrated'],
    (error: Error) => error.message.split('\n'),
  );

describe('a new database', () => {
  it('is finished at once', async () => {
    expect(await migrateWith()).toMatchObject({
      applied: [...compatible, ...incompatible],
      unfinished: [],
    });
    expect(await hasOldFunctions()).toBe(false);
  });

  it('has no function that no statement of this release needs', async () => {
    await migrateWith();
    const folders = ['sql', 'consistency'].map((folder) => join(adapter, folder));
    const texts = folders.flatMap((folder) =>
      readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8')),
    );
    const functions = await database.query<{ name: string; body: string; is_trigger: boolean }>(
      `select proname as name, prosrc as body, prorettype = 'trigger'::regtype as is_trigger
       from pg_proc where pronamespace = 'firstcome'::regnamespace`,
    );
    const checks = await database.query<{ definition: string }>(
      `select pg_get_constraintdef(oid) as definition from pg_constraint
       where connamespace = 'firstcome'::regnamespace and contype = 'c'`,
    );
    const unused = new Map(functions.map(({ name, body }) => [name, body]));
    const queue = [
      ...texts,
      ...checks.map(({ definition }) => definition),
      ...functions.filter((one) => one.is_trigger).map(({ name }) => `${name}(`),
    ];
    for (let text = queue.pop(); text !== undefined; text = queue.pop()) {
      for (const [name, body] of unused) {
        if (!new RegExp(`\\b${name}\\b`).test(text)) continue;
        unused.delete(name);
        queue.push(body);
      }
    }
    expect([...unused.keys()]).toEqual([]);
  });
});

describe('a database of the release before', () => {
  beforeEach(asBefore);

  it('is migrated without a long wait for the lock of a table, behind which claims would wait', async () => {
    await openSession('reader', 'begin; select from coupons');
    const waits: string[] = [];
    const migrating = migrateWith({ onWait: (reason) => waits.push(reason) });
    await waitFor('a migration that waits', async () => waits.length > 0 || undefined);
    // As a claim does: it is not behind the migration.
    await openSession('claim', `set lock_timeout = '1s'; update coupons set paused = false`);
    await sessions[0]?.query('commit');
    expect((await migrating).applied).not.toEqual([]);
    expect(waits).toEqual(['another session holds the lock of a table; it is tried again']);
  });

  it('gets only compatible migrations at a start, and the rest from --finish', async () => {
    const started = await migrateWith();
    expect(started.applied).not.toEqual([]);
    expect(started.applied.filter((name) => incompatible.includes(name))).toEqual([]);
    expect(started.unfinished).toEqual(incompatible);
    expect(await hasOldFunctions()).toBe(true);
    expect(await migrateWith()).toMatchObject({ applied: [], unfinished: incompatible });

    expect(await migrateWith({ finish: true })).toMatchObject({
      ...{ applied: incompatible, unfinished: [] },
    });
    expect(await hasOldFunctions()).toBe(false);
    for (const finish of [true, false]) {
      expect(await migrateWith({ finish })).toMatchObject({ applied: [], unfinished: [] });
    }
  });

  it('is not finished while services of an earlier release are connected, which are named', async () => {
    await migrateWith();
    const named = await openSession('firstcome', 'select 1');
    const embedded = await openSession('shop', 'select installation_identity() as identity');
    const [first, ...others] = await linesOf(migrateWith({ finish: true }));
    expect(first).toBe('the upgrade cannot be finished: an earlier release is connected');
    expect(others).toEqual([
      expect.stringMatching(new RegExp(`^  server process ${named} "firstcome" .*since `)),
      expect.stringMatching(new RegExp(`^  server process ${embedded} "shop" .*since `)),
      'Stop or upgrade these services, and try again.',
    ]);
    expect(others.filter((line) => line.length > 80)).toEqual([]);
    expect(await hasOldFunctions()).toBe(true);
    await Promise.all(sessions.splice(0).map((session) => session.end()));
    expect(await migrateWith({ finish: true })).toMatchObject({ applied: incompatible });
  });

  it('is not finished while sessions are connected whose statements the role may not see', async () => {
    const owner = await createRole(database);
    const guest = await createRole(database);
    const finish = () => migrateWith({ finish: true }, owner.urlOn(database.url).href);
    try {
      await migrateWith();
      await database.query(asCreator(owner.name));
      await database.query(`grant usage on schema firstcome to ${guest.name}`);
      await database.query(`grant select on firstcome.installation to ${guest.name}`);
      const url = guest.urlOn(database.url).href;
      const calls = 'select installation_identity()';
      const embedded = await openSession('shop', calls, url);
      expect(await linesOf(finish())).toEqual([
        'the upgrade cannot be finished: an earlier release may be connected',
        'This role may not see what these sessions do:',
        expect.stringContaining(`server process ${embedded} "shop" of "${guest.name}"`),
        'End them, or let a superuser run the following statement, and try again.',
        `  grant pg_read_all_stats to "${owner.name}"`,
      ]);
      expect(await hasOldFunctions()).toBe(true);

      const named = await openSession('firstcome', 'select 1', url);
      const [first, ...others] = await linesOf(finish());
      expect(first).toBe('the upgrade cannot be finished: an earlier release is connected');
      expect(others).toEqual([
        `  server process ${named} "firstcome"`,
        'Stop or upgrade these services, and try again.',
      ]);
      await sessions.pop()?.end();

      await database.query(`grant pg_read_all_stats to ${owner.name}`);
      expect(await linesOf(finish())).toContainEqual(
        expect.stringMatching(new RegExp(`^  server process ${embedded} "shop" .*since `)),
      );
      await sessions.pop()?.end();
      await waitFor('the end of the session', async () => {
        const left = await database.query('select from pg_stat_activity where pid = $1', [
          embedded,
        ]);
        return left.length === 0;
      });
      await openSession('psql', 'select 1', url);
      expect(await finish()).toMatchObject({ applied: incompatible });
    } finally {
      await Promise.all(sessions.splice(0).map((session) => session.end()));
      await guest.drop();
      await owner.drop();
    }
  });

  it('is finished while services of this release, and other programs, are connected', async () => {
    await openSession('psql', 'select count(*) from coupons');
    const app = await startService({ DATABASE_URL: database.url });
    const named = new URL(database.url);
    named.searchParams.set('application_name', 'shop');
    const other = openDatabase({ url: named.href });
    try {
      await other.run({ name: 'any', text: 'select installation_identity()' }, []);
      const health = async () =>
        (await (await fetch(`${app.url}/health`)).json()) as Record<string, unknown>;
      expect(await health()).toMatchObject({ status: 'healthy', upgrade_unfinished: true });
      expect(await migrateWith({ finish: true })).toMatchObject({ applied: incompatible });
      expect(await health()).not.toHaveProperty('upgrade_unfinished');
      expect(await health()).toMatchObject({ status: 'healthy' });
    } finally {
      await other.close();
      await app.stop();
    }
  });

  it('makes an embedded engine warn, and its sessions do not stand in the way', async () => {
    const pool = openPool({ connectionString: database.url });
    const warnings: string[] = [];
    const logger = { warn: (_: object, message: string) => warnings.push(message) };
    await migrateLibrary({ pool });
    const engine = await createFirstcome({ pool, logger });
    try {
      expect(warnings).toEqual([expect.stringContaining('firstcome migrate --finish')]);
      await waitFor('sessions of the engine', async () => {
        const found = await database.query(
          `select from pg_locks where locktype = 'advisory' and classid = 1718775661`,
        );
        return found.length > 0;
      });
      await migrateWith({ finish: true });
    } finally {
      // The pool ends only once the engine has returned its sessions.
      await engine.stop();
      await pool.end();
    }
  });
});
