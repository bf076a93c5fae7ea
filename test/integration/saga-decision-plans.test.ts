// SPDX-License-Identifier: GPL-3.0-or-later
/** What decisions about claims with sagas read, by plans that a session has made while the tables were empty. */
import pg from 'pg';
import { expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { range } from '../support/crowd.ts';
import { openStores } from '../support/stores.ts';
import { createTestDatabase, schema } from '../support/test-database.ts';

const claimsInAll = 50_000;
const size = 10;

/** A plan that walks a table reads at least 30 times as much. Indexes get one level deeper. */
const growthMax = 3;

it.each([
  ['without statistics', false],
  ['by the statistics of empty tables', true],
])(
  'no decision reads three times as many pages once 50,000 sagas are there, planned %s',
  async (_, isAnalysed) => {
    const database = await createTestDatabase();
    const stores = openStores(database.url);
    await stores.createCoupon('sale', 1_000_000);
    await stores.close();
    await database.query(`update coupons set hold_seconds = 600, saga = 'checkout'`);
    if (isAnalysed) await database.query('vacuum analyze');
    const session = new pg.Client({
      ...{ connectionString: database.url, options: `-c search_path=${schema}` },
    });
    await session.connect();
    const pages = new Map<string, number[]>();
    const measure = async (name: string, sql: string, values: unknown[]) => {
      const { rows } = await session.query(
        `explain (analyze, buffers, format json) ${sql}`,
        values,
      );
      const { Plan: plan } = rows[0]['QUERY PLAN'][0];
      const read = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
      pages.set(name, [...(pages.get(name) ?? []), read]);
    };

    const claimAll = (round: number, count: number) =>
      database.query(
        `select from claim_batch_2(gen_random_uuid(), 'sale',
           array(select 'user-' || $1::text || '-' || n from generate_series(1, $2::integer) n),
           array(select gen_random_uuid() from generate_series(1, $2::integer)),
           array(select null::text from generate_series(1, $2::integer)), true)`,
        [String(round), count],
      );
    const decide = async (
      name: string,
      round: number,
      from: number,
      kind: string,
      epoch: string | null,
    ) => {
      const users = range(size).map((index) => `user-${round}-${from + index}`);
      const held = await database.query<{ user_id: string; claim_id: string }>(
        'select user_id, claim_id from claims where user_id = any ($1) order by position',
        [users],
      );
      const all = <Value>(value: Value) => held.map(() => value);
      await measure(
        name,
        `select * from decide_batch($1, 'sale', $2::text[], $3::text[], $4::uuid[], $5::text[], $5::text[], $6::boolean[],
           $7::boolean[], $5::text[]::bigint[], $8::text[], $5::text[], $9::bigint[], true)`,
        [
          ...[newId(), all(kind), held.map((row) => row.user_id), held.map((row) => row.claim_id)],
          ...[all(null), all(false), all(epoch === null), all('admin'), all(epoch)],
        ],
      );
    };
    const runAll = async (round: number, from: number) => {
      await decide('undo before the relay', round, from, 'release', null);
      const [first] = await database.query<{ coupon_id: string; position: number }>(
        'select coupon_id, position from claims where user_id = $1',
        [`user-${round}-${from + size}`],
      );
      await measure('begin sagas', 'select begin_sagas($1, $2, $3)', [
        ...[first?.coupon_id ?? 0, first?.position ?? 1, size],
      ]);
      await database.query('update sagas set due_at = started_at');
      await decide('confirm of sagas', round, from + size, 'confirm', '0');
      await decide('undo after the end', round, from + size, 'release', null);
      await decide('confirm by users', round, from + 2 * size, 'confirm', null);
      await database.query(`update sagas set step = 0 where state = 'C'`);
      await decide('release of sagas', round, from + size, 'release', '1');
    };
    await runAll(0, 1);
    await claimAll(1, 100);
    await runAll(1, 1);
    await claimAll(2, claimsInAll);
    await database.query(`select begin_sagas(id, 200, $1) from coupons`, [claimsInAll - 1000]);
    await runAll(2, claimsInAll - 500);
    await session.end();

    expect((await database.query(`select from sagas where state = 'X'`)).length).toBe(2 * size);
    const grown = [...pages].flatMap(([name, [, first = 0, then = 0]]) =>
      then > growthMax * first ? [`${name}: ${first}, then ${then}`] : [],
    );
    expect(grown).toEqual([]);
    await database.drop();
  },
);
