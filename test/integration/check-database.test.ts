// SPDX-License-Identifier: GPL-3.0-or-later
/** A start refuses a database whose encoding cannot store every name, or whose sequence would give an id twice. */

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../src/adapters/postgres/installation/migrate.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { createFirstcome, migrate as migrateSchema } from '../../src/library.ts';
import { openPool } from '../support/open-pool.ts';
import { startService } from '../support/service.ts';
import { createRole, createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const refusedWith = (lines: unknown[]) => ({ name: 'StartError', message: lines.join('\n') });

/** The lines fit on a terminal together with the name that the command line writes before them. */
function expectShortLines(message: string): void {
  for (const line of `firstcome: ${message}`.split('\n')) expect(line.length).toBeLessThan(81);
}

describe.each(['LATIN1', 'SQL_ASCII'])('the encoding %s', (encoding) => {
  const name = `shop_${randomBytes(4).toString('hex')}`;
  const urlOf = (database: string) => new URL(`/${database}`, inject('postgresUrl')).href;
  const created: string[] = [];
  let server: pg.Client;

  beforeAll(async () => {
    server = new pg.Client({ connectionString: inject('postgresUrl') });
    await server.connect();
    await server.query(
      `create database ${name} encoding '${encoding}' template template0 lc_collate 'C' lc_ctype 'C'`,
    );
    created.push(name);
  });

  afterAll(async () => {
    for (const database of created) await server.query(`drop database ${database} with (force)`);
    await server.end();
  });

  const refusal = refusedWith([
    `the database ${name} has the encoding ${encoding};`,
    'firstcome needs UTF8, since names may hold any Unicode',
    'Create another database, and use that one:',
    `  create database ${name}_utf8 template template0`,
    `    encoding 'UTF8' locale 'C';`,
  ]);

  const tables = async () => {
    const client = new pg.Client({ connectionString: urlOf(name) });
    await client.connect();
    const { rows } = await client.query(
      `select from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    await client.end();
    return rows.length;
  };

  it('makes the service refuse the database and create no table in it', async () => {
    await expect(startService({ DATABASE_URL: urlOf(name) })).rejects.toMatchObject(refusal);
    expect(await tables()).toBe(0);
    expectShortLines(refusal.message);
  });

  it('makes firstcome migrate refuse the database and create no table in it', async () => {
    const options = {
      ...{ connectTimeoutMs: 10_000, sleep: systemClock.sleep },
      ...{ schema: undefined, setting: 'DATABASE_SCHEMA' as const, mayAddInstallation: false },
    };
    await expect(migrate({ url: urlOf(name), ...options })).rejects.toMatchObject(refusal);
    expect(await tables()).toBe(0);
  });

  it('makes the library refuse the database and create no schema in it', async () => {
    const pool = openPool({ connectionString: urlOf(name) });
    try {
      await expect(migrateSchema({ pool })).rejects.toMatchObject(refusal);
      await expect(createFirstcome({ pool })).rejects.toMatchObject(refusal);
      expect((await pool.query(`select to_regnamespace('firstcome') as it`)).rows).toEqual([
        { it: null },
      ]);
    } finally {
      await pool.end();
    }
  });

  it('is refused with a statement that creates a database which the service accepts', async () => {
    const creation = refusal.message.split('\n').slice(3).join(' ');
    await server.query(creation);
    created.push(`${name}_utf8`);
    const app = await startService({ DATABASE_URL: urlOf(`${name}_utf8`) });
    await app.stop();
  });
});

describe('a start', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
    await database.query(
      `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       select 'coupon ' || n, 5, 5, 1, now(), now() from generate_series(1, 8) n`,
    );
  });

  afterEach(() => database.drop());

  const start = async () => (await startService({ DATABASE_URL: database.url })).stop();

  const refusalAt = (next: number, used: number) =>
    refusedWith([
      `the sequence of coupons.id is behind its table: it gives ${next} next,`,
      `and ids up to ${used} are in use, so that coupons cannot be created`,
      'Run this in the database, and start again:',
      `  select setval('firstcome.coupons_id_seq', ${used});`,
    ]);

  it('refuses a sequence that is behind its table, and prints a statement that repairs it', async () => {
    await database.query('alter table coupons alter column id restart with 1');
    const refusal = refusalAt(1, 8);
    await expect(start()).rejects.toMatchObject(refusal);
    expectShortLines(refusal.message);
    await database.query(refusal.message.split('\n')[3] as string);
    await start();
    const [{ id }] = (await database.query(
      `insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       values ('ninth', 5, 5, 1, now(), now()) returning id`,
    )) as [{ id: string }];
    expect(id).toBe('9');
  });

  it('refuses a sequence that has given fewer ids than are in use', async () => {
    await database.query(`select setval('coupons_id_seq', 7)`);
    await expect(start()).rejects.toMatchObject(refusalAt(8, 8));
  });

  it.each(["setval('coupons_id_seq', 8)", "setval('coupons_id_seq', 9, false)"])(
    'accepts a sequence whose next id is free: %s',
    async (set) => {
      await database.query(`select ${set}`);
      await start();
    },
  );

  it('finds a renamed sequence by its column', async () => {
    await database.query('alter sequence coupons_id_seq rename to "Ids of coupons"');
    await database.query('alter table coupons alter column id restart with 1');
    await expect(start()).rejects.toThrow(`  select setval('firstcome."Ids of coupons"', 8);`);
  });

  it('refuses a sequence whose next id has claims, redemptions or ledger rows of a removed coupon', async () => {
    await database.query(
      `insert into claims (coupon_id, user_id, position, claim_id, claimed_at)
       values (11, 'ada', 1, gen_random_uuid(), now())`,
    );
    await expect(start()).rejects.toMatchObject(refusalAt(9, 11));
    await database.query(
      `insert into stock_ledger
         (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
       values (12, 1, gen_random_uuid(), 'grant', 5, 5, now())`,
    );
    await database.query('truncate coupons restart identity');
    await expect(start()).rejects.toMatchObject(refusalAt(1, 12));
    await database.query(
      `insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
       values (13, 'ada', 1, gen_random_uuid(), now(), now(), false)`,
    );
    await expect(start()).rejects.toMatchObject(refusalAt(1, 13));
    await database.query(
      `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
       values (14, 'ada', gen_random_uuid(), now())`,
    );
    await expect(start()).rejects.toMatchObject(refusalAt(1, 14));
  });

  it('accepts a sequence that the role may not read', async () => {
    await database.query('alter table coupons alter column id restart with 1');
    const role = await createRole(database);
    try {
      await database.query(`grant usage on schema firstcome to ${role.name}`);
      await database.query(
        `grant select, insert, update on coupons, claims, released_claims, stock_ledger, event_relay, lost_batches,
           schema_migrations, installation to ${role.name}`,
      );
      const app = await startService({ DATABASE_URL: role.urlOn(database.url).href });
      await app.stop();
    } finally {
      await role.drop();
    }
  });

  it('refuses a sequence of the library that is behind its table, in its own schema', async () => {
    const pool = openPool({ connectionString: database.url });
    try {
      await migrateSchema({ pool, schema: 'sale' });
      const engine = await createFirstcome({ pool, schema: 'sale' });
      for (const name of ['a', 'b']) await engine.createCoupon({ name, amount: 1 });
      await engine.stop();
      await database.query('alter table sale.coupons alter column id restart with 1');
      const refused = await createFirstcome({ pool, schema: 'sale' }).catch((error) => error);
      expect(refused.message).toContain(`  select setval('sale.coupons_id_seq', 2);`);
      await database.query(refused.message.split('\n')[3]);
      await (await createFirstcome({ pool, schema: 'sale' })).stop();
    } finally {
      await pool.end();
    }
  });
});
