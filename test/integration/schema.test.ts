// SPDX-License-Identifier: GPL-3.0-or-later
/** The schema in which the service and the library find or create their tables. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrationFiles } from '../../src/adapters/postgres/installation/migration-files.ts';
import type { App } from '../../src/app.ts';
import { createFirstcome, migrate as migrateLibrary } from '../../src/library.ts';
import { openPool } from '../support/open-pool.ts';
import { migrateAsReleased } from '../support/released-migrations.ts';
import { patience, startService } from '../support/service.ts';
import {
  createEmptyDatabase,
  createRole,
  migrateDatabase,
  type TestDatabase,
} from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let app: App | undefined;

beforeEach(async () => {
  database = await createEmptyDatabase();
});

afterEach(async () => {
  await app?.stop();
  app = undefined;
  await database.drop();
});

async function start(env: Record<string, string> = {}): Promise<App> {
  app = await startService({ ...patience, DATABASE_URL: database.url, ...env });
  return app;
}

async function restart(env: Record<string, string> = {}): Promise<void> {
  await app?.stop();
  app = undefined;
  await start(env);
}

const migrateAs = (schema?: string, newInstallation = false) =>
  migrateDatabase(database.url, { newInstallation, ...(schema !== undefined && { schema }) });

const refusalOf = (starting: Promise<unknown>): Promise<string> =>
  starting.then(
    () => 'started',
    (error: Error) => `${error.name}: ${error.message}`,
  );

async function call(path: string, body?: object) {
  const answer = await fetch(`${app?.url}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const create = async (name: string, amount = 5) =>
  (await call('/api/coupons', { name, amount })).status;
const claim = async (name: string, userId: string) =>
  (await call('/api/coupons/claim', { user_id: userId, coupon_name: name })).status;

async function schemasWith(table: string): Promise<string[]> {
  const rows = await database.query<{ schema: string }>(
    'select schemaname as schema from pg_tables where tablename = $1 order by 1',
    [table],
  );
  return rows.map(({ schema }) => schema);
}

const couponsIn = async (schema: string) =>
  (await database.query<{ name: string }>(`select name from ${schema}.coupons order by id`)).map(
    ({ name }) => name,
  );

/** The table that Ruby on Rails has in a database. */
const railsTables = `create table public.schema_migrations (version varchar primary key);
  create table public.coupons (id bigint primary key, code text)`;

describe('a start on a database without an installation', () => {
  it('creates one in the schema firstcome', async () => {
    await start();
    expect(await create('SALE')).toBe(201);
    expect(await schemasWith('coupons')).toEqual(['firstcome']);
  });

  it('leaves the tables of another program in public as they are', async () => {
    await database.query(railsTables);
    await start();
    expect(await create('SALE')).toBe(201);
    expect(await couponsIn('firstcome')).toEqual(['SALE']);
    expect(await database.query('select * from public.coupons')).toEqual([]);
  });

  it.each(['sale', 'user', 'order', '_', 'x'.repeat(63)])(
    'DATABASE_SCHEMA=%s is created and used, and found again',
    async (schema) => {
      await start({ DATABASE_SCHEMA: schema });
      expect(await create('SALE')).toBe(201);
      expect(await schemasWith('coupons')).toEqual([schema]);
      await restart({ DATABASE_SCHEMA: schema });
      expect((await call('/api/coupons/SALE')).status).toBe(200);
    },
  );

  it('creates one installation when several services start together', async () => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    // The lock for migrations, which every release takes.
    await holder.query('select pg_advisory_lock(7241865325823964)');
    const starting = [migrateAs(), migrateAs('public'), migrateAs('sale'), migrateAs()];
    const ended = Promise.allSettled(starting);
    await waitFor('four services to wait for the lock', async () => {
      const waiting = await database.query(
        `select from pg_locks where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
      );
      return waiting.length >= starting.length;
    });
    await holder.end();
    await ended;
    expect(await schemasWith('coupons')).toHaveLength(1);
  });
});

describe('an installation of release 0.1 in public', () => {
  beforeEach(async () => {
    await migrateAsReleased(database.url);
    await database.query(
      `insert into public.coupons
         (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       values ('OLD', 3, 3, 1, now(), now())`,
    );
    await database.query(
      `insert into public.stock_ledger
         (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
       select id, 1, gen_random_uuid(), 'grant', 3, 3, now() from public.coupons`,
    );
  });

  it('an installation of release 0.1 in public is brought up to date in its schema, with all of its data', async () => {
    await start();
    expect(await claim('OLD', 'ada')).toBe(200);
    await restart();
    expect(await claim('OLD', 'ada')).toBe(409);
    expect(await schemasWith('coupons')).toEqual(['public']);
    expect(await schemasWith('schema_migrations')).toEqual(['public']);
    expect(await database.query('select name from public.schema_migrations')).toHaveLength(
      migrationFiles.filter(({ isCompatible }) => isCompatible).length,
    );
  });

  it('an installation of release 0.1 in public stays the only one when a schema firstcome appears later', async () => {
    await start();
    await database.query('create schema firstcome');
    await database.query('create table firstcome.coupons (id bigint)');
    expect(await claim('OLD', 'ada')).toBe(200);
    expect((await call('/api/coupons/OLD')).body).toMatchObject({ remaining_amount: 2 });
  });

  it('an installation of release 0.1 in public is used by the library too, which creates no other', async () => {
    const pool = openPool({ connectionString: database.url });
    await migrateLibrary({ pool });
    const engine = await createFirstcome({ pool });
    expect(await engine.claim({ couponName: 'OLD', userId: 'ada' })).toMatchObject({
      outcome: 'claimed',
    });
    await engine.stop();
    await pool.end();
    expect(await schemasWith('coupons')).toEqual(['public']);
  });

  it('an installation of release 0.1 in public is not replaced by a new one when another program has a table named installation beside it', async () => {
    await database.query('create table public.installation (name text)');
    expect(await refusalOf(start())).toBe(
      'StartError: beside the installation in schema public, another program uses\n' +
        'names that this version needs: installation\n' +
        'Rename its objects, or move them to another schema.',
    );
    expect(await schemasWith('coupons')).toEqual(['public']);
  });

  it('an installation of release 0.1 in public is not hidden by a DATABASE_SCHEMA without an installation: the service refuses to start', async () => {
    expect(await refusalOf(start({ DATABASE_SCHEMA: 'firstcome' }))).toBe(
      'StartError: schema firstcome has no installation, but schema public has one\n' +
        'To continue with that one, set DATABASE_SCHEMA=public.\n' +
        'To create a new one, which shares no coupon with it,\n' +
        'run once with DATABASE_SCHEMA=firstcome:\n' +
        '  firstcome migrate --new-installation',
    );
    expect(await refusalOf(migrateAs('firstcome'))).toContain('but schema public has one');
    expect(await schemasWith('coupons')).toEqual(['public']);
    await start({ DATABASE_SCHEMA: 'public' });
    expect(await claim('OLD', 'ada')).toBe(200);
  });

  it('an installation of release 0.1 in public is independent of a new one that migrate --new-installation creates', async () => {
    await migrateAs('sale', true);
    await start({ DATABASE_SCHEMA: 'sale' });
    expect((await call('/api/coupons/OLD')).status).toBe(404);
    expect(await create('OLD', 1)).toBe(201);
    expect(await claim('OLD', 'ada')).toBe(200);
    expect(await database.query('select from public.claims')).toEqual([]);
    // A service without a configured schema does not search this one, so its choice is clear.
    await restart();
    expect((await call('/api/coupons/OLD')).body).toMatchObject({ remaining_amount: 3 });
  });
});

describe('an installation of release 0.1 in the first schema of a search path', () => {
  it('an installation in the search path of the role is found, with its list of migrations in public', async () => {
    await database.query('create schema firstcome');
    await migrateAsReleased(database.url);
    expect(await schemasWith('coupons')).toEqual(['firstcome']);
    await start();
    expect(await create('SALE')).toBe(201);
    await restart();
    expect((await call('/api/coupons/SALE')).status).toBe(200);
    expect(await schemasWith('installation')).toEqual(['firstcome']);
    expect(await schemasWith('schema_migrations')).toEqual(['public']);
  });

  it('an installation in the search path of the URL is found, whatever its name', async () => {
    await database.query('create schema "Shop \\ one"');
    const url = new URL(database.url);
    url.searchParams.set('options', '-c search_path="Shop\\ one"');
    await database.query('alter schema "Shop \\ one" rename to "Shop one"');
    await migrateAsReleased(url.href);
    await start({ DATABASE_URL: url.href });
    expect(await create('SALE')).toBe(201);
    expect(await couponsIn('"Shop one"')).toEqual(['SALE']);
    expect(await schemasWith('coupons')).toEqual(['Shop one']);
  });
});

describe('an installation outside the search path', () => {
  beforeEach(() => migrateAs('sale'));

  it('an installation outside the search path is not hidden when DATABASE_SCHEMA is missing: the service refuses to start', async () => {
    expect(await refusalOf(start())).toBe(
      'StartError: schema firstcome has no installation, but schema sale has one\n' +
        'To continue with that one, set DATABASE_SCHEMA=sale.\n' +
        'To create a new one, which shares no coupon with it,\n' +
        'run once with DATABASE_SCHEMA=firstcome:\n' +
        '  firstcome migrate --new-installation',
    );
    expect(await schemasWith('coupons')).toEqual(['sale']);
  });

  it('an installation outside the search path stays the only one until an embedding program sets another schema', async () => {
    const pool = openPool({ connectionString: database.url });
    expect(await refusalOf(migrateLibrary({ pool }))).toBe(
      'StartError: schema firstcome has no installation, but schema sale has one\n' +
        'To continue with that one, set the option schema to sale.\n' +
        'To create a new one, which shares no coupon with it,\n' +
        'set the option schema to firstcome.',
    );
    await migrateLibrary({ pool, schema: 'firstcome' });
    const warnings: object[] = [];
    const logger = { warn: (event: object) => warnings.push(event) };
    const engine = await createFirstcome({ pool, logger });
    await engine.createCoupon({ name: 'SALE', amount: 1 });
    await engine.stop();
    await pool.end();
    expect(await couponsIn('firstcome')).toEqual(['SALE']);
    expect(warnings).toEqual([{ schema: 'firstcome', others: ['sale'] }]);
  });
});

describe('two installations', () => {
  beforeEach(async () => {
    await migrateAs('public');
    await migrateAs('firstcome', true);
  });

  it('two installations are refused with their names until DATABASE_SCHEMA selects one', async () => {
    expect(await refusalOf(start())).toBe(
      'StartError: this database has 2 installations, in the schemas\nfirstcome and public\n' +
        'Set DATABASE_SCHEMA to the one that holds your coupons.',
    );
    for (const schema of ['public', 'firstcome']) {
      await restart({ DATABASE_SCHEMA: schema });
      expect(await create(`IN-${schema}`)).toBe(201);
      expect(await couponsIn(schema)).toEqual([`IN-${schema}`]);
    }
  });

  it('two installations are refused by the library until the option schema selects one', async () => {
    const pool = openPool({ connectionString: database.url });
    const message = 'Set the option schema to the one that holds your coupons.';
    await expect(migrateLibrary({ pool })).rejects.toThrow(message);
    await expect(createFirstcome({ pool })).rejects.toThrow(message);
    const engine = await createFirstcome({ pool, schema: 'public' });
    await engine.createCoupon({ name: 'SALE', amount: 1 });
    await engine.stop();
    await pool.end();
    expect(await couponsIn('public')).toEqual(['SALE']);
  });
});

describe('names that another program uses', () => {
  it.each<[string, string]>([
    ['its coupons', 'create table sale.coupons (id bigint)'],
    ['its claims', 'create table sale.claims (id bigint)'],
    ['its list of migrations', 'create table sale.schema_migrations (version text)'],
    ['a view called installation', 'create view sale.installation as select 1 as id'],
  ])(
    'names that another program uses are refused and left as they are: %s',
    async (_, statement) => {
      await database.query('create schema sale');
      await database.query(statement);
      const name = /sale\.(\w+)/.exec(statement)?.[1];
      const message = new RegExp(
        `^StartError: in schema sale another program uses names that firstcome\\n` +
          `needs: ${name}\\nSet (DATABASE_SCHEMA|the option schema) to another schema\\.`,
      );
      expect(await refusalOf(start({ DATABASE_SCHEMA: 'sale' }))).toMatch(message);
      const pool = openPool({ connectionString: database.url });
      expect(await refusalOf(migrateLibrary({ pool, schema: 'sale' }))).toMatch(message);
      expect(await refusalOf(createFirstcome({ pool, schema: 'sale' }))).toMatch(message);
      await pool.end();
      const there = await database.query(
        `select relname from pg_class c where relnamespace = 'sale'::regnamespace and relkind in ('r', 'v')`,
      );
      expect(there).toEqual([{ relname: name }]);
    },
  );
});

describe('a start refuses an installation', () => {
  it('a start refuses an installation without its id, and prints a statement that writes a new one', async () => {
    await migrateAs();
    await database.query('delete from firstcome.installation');
    const message = await refusalOf(start());
    expect(message).toContain('StartError: the installation in schema firstcome has lost its id\n');
    const [, advised = ''] = /`(insert [^`]+)`/.exec(message) ?? [];
    await database.query(advised);
    await start();
  });

  it('a start refuses an installation without one of its tables', async () => {
    await migrateAs();
    await database.query('drop table firstcome.stock_ledger');
    expect(await refusalOf(start())).toMatch(
      /^StartError: the installation in schema firstcome is not complete\nMissing: stock_ledger\n/,
    );
  });
});

describe('a session of the service', () => {
  it('works in its schema, whatever the URL and the role set', async () => {
    await start();
    expect(await create('SALE')).toBe(201);
    await database.query('create schema other');
    await database.query('create table other.coupons (like firstcome.coupons)');
    const role = await createRole(database, 'superuser');
    try {
      await database.query(`alter role ${role.name} set search_path = other, pg_catalog`);
      const url = role.urlOn(database.url);
      url.searchParams.set('options', '-c search_path=other');
      await restart({ DATABASE_URL: url.href, WORKERS: '1', STOCK_CHECK_INTERVAL_MS: '20' });
      expect((await call('/api/coupons/SALE')).status).toBe(200);
      expect(await claim('SALE', 'ada')).toBe(200);
      expect(await create('SECOND')).toBe(201);
      expect(await database.query('select from other.coupons')).toEqual([]);
    } finally {
      await app?.stop();
      app = undefined;
      await role.drop();
    }
  });

  it('works in its schema also on a host pool with another search path', async () => {
    await migrateAs();
    await database.query('create schema other');
    await database.query('create table other.coupons (like firstcome.coupons)');
    const pool = openPool({
      connectionString: database.url,
      options: '-c search_path=other,firstcome',
    });
    const engine = await createFirstcome({ pool });
    await engine.createCoupon({ name: 'SALE', amount: 1 });
    expect(await engine.claim({ couponName: 'SALE', userId: 'ada' })).toMatchObject({
      outcome: 'claimed',
    });
    await engine.stop();
    await pool.end();
    expect(await couponsIn('firstcome')).toEqual(['SALE']);
    expect(await couponsIn('other')).toEqual([]);
  });
});
