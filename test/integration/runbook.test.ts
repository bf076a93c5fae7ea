// SPDX-License-Identifier: GPL-3.0-or-later
/** The SQL that the runbook gives to operators, on records that disagree. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consistencyRules } from '../../src/adapters/postgres/consistency-rules.ts';
import { setSequenceSql } from '../../src/adapters/postgres/start/coupon-sequence.ts';
import { runbookText } from '../observability/shipped-files.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let stores: Stores;
/** A session of an operator: its search path leads to other tables until it is set as the runbook says. */
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
  // The claim of eve, and the ledger row of bob.
  await database.query(`delete from claims where ${off} and position = 3`);
  await database.query(`delete from stock_ledger where ${off} and seq = 3`);
});

afterAll(async () => {
  await session.end();
  await stores.close();
  await database.drop();
});

/** The one statement of the runbook that contains this text, in a block or inline. */
function statementWith(text: string): string {
  const blocks = [...runbookText().matchAll(/```sql\n([\s\S]+?)```/g)].map(([, sql = '']) => sql);
  const inline = [...runbookText().matchAll(/`(select [^`]+)`/g)].map(([, sql = '']) => sql);
  const found = [...blocks, ...inline].filter((sql) => sql.includes(text));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}

it('gives exactly the consistency rules, with their names and sentences', () => {
  const section = runbookText().split('### consistency\n')[1]?.split('\n## ')[0] ?? '';
  const shown = [...section.matchAll(/\*\*([\w-]+)\.\*\* (.+)\n\n```sql\n([\s\S]+?)\n```/g)];
  expect(shown.map(([, name, sentence, sql]) => ({ name, sentence, sql }))).toEqual(
    consistencyRules.map(({ name, sentence, sql }) => ({ name, sentence, sql })),
  );
});

it('finds the missing claim and the missing ledger row, and nothing of the other coupon', async () => {
  const broken: Record<string, unknown[]> = {};
  for (const { name, sql } of consistencyRules) {
    const { rows } = await session.query(sql);
    if (rows.length > 0) broken[name] = rows;
  }
  expect(broken).toEqual({
    'claims-have-a-ledger-row': [expect.objectContaining({ position: 2 })],
    'claims-match-stock': [expect.objectContaining({ name: 'OFF', claims: '2' })],
    'ledger-adds-up': [expect.objectContaining({ seq: '4', remaining_before: 9 })],
    'ledger-complete': [expect.objectContaining({ name: 'OFF', ledger_seq: '4', rows: '3' })],
    'ledger-positions-have-claims': [expect.objectContaining({ seq: '4', first_position: 3 })],
  });
});

describe('the statements of the runbook for a database that refuses', () => {
  const create = (name: string) => stores.createCoupon(name, 5);

  it('move the sequence past all ids in use, as the log advises too', async () => {
    const statement = statementWith('select setval(');
    await database.query('alter table coupons alter column id restart with 1');
    await expect(create('BEHIND')).rejects.toMatchObject({ code: 'unavailable' });
    await database.query(statement);
    await create('BEHIND');
    // Running it again never moves the sequence back.
    await database.query(statement);
    await create('BEHIND AGAIN');
    const inOneLine = (sql: string) => sql.replaceAll(/\s+/g, '');
    expect(inOneLine(statement)).toBe(inOneLine(setSequenceSql(undefined)));
  });

  it('find and remove what a removed coupon left under a new one, and nothing else', async () => {
    await create('GONE');
    await stores.decide('GONE', ['ada', 'bob']);
    await database.query(
      `insert into released_claims
         (coupon_id, user_id, position, claim_id, claimed_at, released_at, is_final)
       select id, 'joe', 3, gen_random_uuid(), created_at, created_at, false from coupons where name = 'GONE'`,
    );
    await database.query(
      `insert into redemptions (coupon_id, user_id, claim_id, redeemed_at)
       select id, 'ada', gen_random_uuid(), created_at from coupons where name = 'GONE'`,
    );
    const [{ id }] = (await database.query(
      `delete from coupons where name = 'GONE' returning id`,
    )) as [{ id: string }];
    await database.query(`delete from stock_ledger where coupon_id = ${id} and seq = 1`);
    for (const [table, time] of [
      ['claims', 'claimed_at'],
      ['released_claims', 'claimed_at'],
      ['redemptions', 'redeemed_at'],
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
    for (const table of ['released_claims', 'redemptions', 'stock_ledger']) {
      await database.query(statementWith(`delete from ${table} using coupons`));
      if (table === 'stock_ledger') continue;
      expect(await database.query(`select from ${table} where coupon_id = ${id}`)).toEqual([]);
    }
    expect(await database.query(others)).toEqual(before);
    expect(outcomesOf(await stores.decide('OVER', ['eve', 'ada']))).toEqual(['claimed', 'claimed']);
  });

  it('list the triggers of other programs', async () => {
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

  it('show the encoding', async () => {
    expect(await database.query(statementWith('server_encoding'))).toEqual([
      { current_setting: 'UTF8' },
    ]);
  });
});

it('finds the session that others wait for, and ends it', async () => {
  const lock = 'lock table coupons in access exclusive mode';
  const held = database.query(`${lock}; select pg_sleep(60)`).catch(() => undefined);
  const locks = `select from pg_locks
    where relation = 'coupons'::regclass and mode = 'AccessExclusiveLock' and granted`;
  await waitFor('lock', async () => (await database.query(locks)).length > 0);
  const waiting = database.query('select from coupons');
  type Holder = { pid: number; query: string };
  const holders = await waitFor('session that waits', async () => {
    const found = await database.query<Holder>(statementWith('pg_blocking_pids'));
    // It shows the whole server: other tests may wait in other databases.
    const ours = found.filter(({ query }) => query.includes(lock));
    return ours.length > 0 ? ours : undefined;
  });
  expect(holders).toHaveLength(1);
  const end = statementWith('pg_terminate_backend').replace('PID', String(holders[0]?.pid));
  expect(await database.query(end)).toEqual([{ pg_terminate_backend: true }]);
  await Promise.all([held, waiting]);
});

it('shows the state of the connections', async () => {
  expect(await database.query(statementWith('wait_event_type, now()'))).not.toEqual([]);
});

it('names only settings that PostgreSQL has', async () => {
  const rows = await database.query<{ name: string }>('select name from pg_settings');
  const known = rows.map(({ name }) => name);
  const named = ['max_connections', 'synchronous_standby_names', 'max_wal_size', 'fsync'];
  for (const name of [...named, 'synchronous_commit']) {
    expect(runbookText()).toContain(`\`${name}\``);
    expect(known).toContain(name);
  }
});
