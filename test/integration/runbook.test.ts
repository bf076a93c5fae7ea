// SPDX-License-Identifier: GPL-3.0-or-later
/** The SQL that the runbook gives to an operator, on a sale in which something is off. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setSequenceSql } from '../../src/adapters/postgres/start/coupon-sequence.ts';
import { runbookText } from '../observability/shipped-files.ts';
import { openStores, type Stores, wordsOf } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let stores: Stores;
/** An operator's session, whose role looks elsewhere until it chooses the schema as the runbook says. */
let session: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  session = new pg.Client({ connectionString: database.url, options: '-c search_path=public' });
  await session.connect();
  await session.query(statementWith('search_path'));
  stores = openStores(database.url);
  for (const name of ['GOOD', 'OFF']) {
    await stores.createCoupon(name, 10);
    for (const user of ['ada', 'bob', 'eve']) await stores.decide(name, [user]);
  }
  const off = `coupon_id = (select id from coupons where name = 'OFF')`;
  await database.query(`delete from claims where ${off} and position = 2`);
  await database.query(`delete from stock_ledger where ${off} and seq = 3`);
});

afterAll(async () => {
  await session.end();
  await stores.close();
  await database.drop();
});

/** The statements of the runbook that hold the words, in a block or in a line of their own. */
function statementWith(words: string): string {
  const blocks = [...runbookText().matchAll(/```sql\n([\s\S]+?)```/g)].map(([, sql = '']) => sql);
  const inline = [...runbookText().matchAll(/`(select [^`]+)`/g)].map(([, sql = '']) => sql);
  const found = [...blocks, ...inline].filter((sql) => sql.includes(words));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

const about = async (words: string, coupon: string) =>
  (await session.query(statementWith(words).replaceAll('NAME', coupon))).rows;

it('compares stock, claims and ledger of a coupon', async () => {
  const stock = { amount: 10, remaining_amount: 7 };
  expect(await about('claims_missing', 'GOOD')).toEqual([
    {
      ...{ ...stock, claims_missing: '0', positions_missing: 0 },
      ...{ ledger_missing: '0', ledger_rows_missing: '0' },
    },
  ]);
  expect(await about('claims_missing', 'OFF')).toEqual([
    {
      ...{ ...stock, claims_missing: '1', positions_missing: 0 },
      ...{ ledger_missing: '-1', ledger_rows_missing: '1' },
    },
  ]);
});

it('finds the positions without a claim', async () => {
  expect(await about('as missing', 'GOOD')).toEqual([]);
  expect(await about('as missing', 'OFF')).toEqual([{ missing: 2 }]);
});

it('finds the row of the ledger that does not follow', async () => {
  expect(await about('rows_missing,', 'GOOD')).toEqual([]);
  const [row, ...others] = await about('rows_missing,', 'OFF');
  expect(row).toMatchObject({ seq: '4', rows_missing: '1', units_missing: -1 });
  expect(others).toEqual([]);
});

describe('where the database refuses', () => {
  const create = (name: string) => stores.createCoupon(name, 5);

  it('moves the sequence behind all ids in use, as the log says too', async () => {
    const statement = statementWith('select setval(');
    await database.query('alter table coupons alter column id restart with 1');
    await expect(create('BEHIND')).rejects.toMatchObject({ code: 'unavailable' });
    await database.query(statement);
    await create('BEHIND');
    // A second time it moves on, and never back.
    await database.query(statement);
    await create('BEHIND AGAIN');
    const inOneLine = (sql: string) => sql.replaceAll(/\s+/g, '');
    expect(inOneLine(statement)).toBe(inOneLine(setSequenceSql(undefined)));
  });

  it('finds and removes what a removed coupon left under a new one, and nothing else', async () => {
    await create('GONE');
    await stores.decide('GONE', ['ada', 'bob']);
    const [{ id }] = (await database.query(
      `delete from coupons where name = 'GONE' returning id`,
    )) as [{ id: string }];
    await database.query(`delete from stock_ledger where coupon_id = ${id} and seq = 1`);
    for (const [table, time] of [
      ['claims', 'claimed_at'],
      ['stock_ledger', 'recorded_at'],
    ]) {
      await database.query(
        `update ${table} set ${time} = ${time} - interval '1 hour' where coupon_id = ${id}`,
      );
    }
    await database.query(`alter table coupons alter column id restart with ${id}`);
    await create('OVER');
    const refused = { kind: 'refused', reason: 'refused' };
    expect(await stores.decide('OVER', ['eve'])).toMatchObject(refused);
    expect(await database.query(statementWith('leftover_claims'))).toEqual([
      { name: 'OVER', leftover_claims: '2', from_position: 1, to_position: 2 },
    ]);
    const others = `select count(*) from claims where coupon_id <> ${id}`;
    const before = await database.query(others);
    await database.query(statementWith('delete from claims using coupons'));
    await database.query(statementWith('delete from stock_ledger using coupons'));
    expect(await database.query(others)).toEqual(before);
    expect(wordsOf(await stores.decide('OVER', ['eve', 'ada']))).toEqual(['claimed', 'claimed']);
  });

  it('lists the triggers of other programs', async () => {
    const triggers = () => database.query(statementWith('from pg_trigger'));
    expect(await triggers()).toEqual([]);
    await database.query(
      `create function watch() returns trigger language plpgsql as $$ begin return new; end $$`,
    );
    await database.query(
      'create trigger watch before insert on claims for each row execute function watch()',
    );
    expect(await triggers()).toEqual([{ table: 'claims', trigger: 'watch', function: 'watch()' }]);
  });

  it('asks for the encoding', async () => {
    expect(await database.query(statementWith('server_encoding'))).toEqual([
      { current_setting: 'UTF8' },
    ]);
  });
});

it('finds who keeps others waiting for a lock, and ends them', async () => {
  const lock = 'lock table coupons in access exclusive mode';
  const held = database.query(`${lock}; select pg_sleep(60)`).catch(() => undefined);
  const locks = `select from pg_locks
    where relation = 'coupons'::regclass and mode = 'AccessExclusiveLock' and granted`;
  await waitFor('lock', async () => (await database.query(locks)).length > 0);
  const waiting = database.query('select from coupons');
  type Holder = { pid: number; query: string };
  const holders = await waitFor('session that waits', async () => {
    const found = await database.query<Holder>(statementWith('pg_blocking_pids'));
    // It looks at the whole server, in whose other databases other tests may wait as well.
    const ours = found.filter(({ query }) => query.includes(lock));
    return ours.length > 0 ? ours : undefined;
  });
  expect(holders).toHaveLength(1);
  const end = statementWith('pg_terminate_backend').replace('PID', String(holders[0]?.pid));
  expect(await database.query(end)).toEqual([{ pg_terminate_backend: true }]);
  await Promise.all([held, waiting]);
});

it('shows what the connections do', async () => {
  expect(await database.query(statementWith('wait_event_type, now()'))).not.toEqual([]);
});

it('names settings of PostgreSQL that there are', async () => {
  const rows = await database.query<{ name: string }>('select name from pg_settings');
  const known = rows.map(({ name }) => name);
  const named = ['max_connections', 'synchronous_standby_names', 'max_wal_size', 'fsync'];
  for (const name of [...named, 'synchronous_commit']) {
    expect(runbookText()).toContain(`\`${name}\``);
    expect(known).toContain(name);
  }
});
