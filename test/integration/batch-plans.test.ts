// SPDX-License-Identifier: GPL-3.0-or-later
/** What batches read from the tables, by plans that a session has made while these were empty. */
import pg from 'pg';
import { expect, it } from 'vitest';
import type { Call } from '../../bench/batch-calls.ts';
import { type BatchEffect, batchKinds, batchSize } from '../../bench/batch-kinds.ts';
import { addClaims, createCoupons, userOfRound } from '../../bench/batch-tables.ts';
import { range } from '../support/crowd.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

const claimsInAll = 100_000;

/** A plan that walks a table reads at least 30 times as much. Indexes get one level deeper. */
const growthMax = 3;

/** Users of one kind of batch, spread over the claims of a round. */
function usersOf(kind: number, round: number, claims: number): string[] {
  const step = Math.floor(claims / batchSize);
  return range(batchSize).map((index) => userOfRound(round, 1 + index * step + kind));
}

/** Runs a batch and returns how many pages it reads, in the cache or not. */
async function pagesOf(session: pg.Client, { sql, values }: Call): Promise<number> {
  const { rows } = await session.query(`explain (analyze, buffers, format json) ${sql}`, values);
  const { Plan: plan } = rows[0]['QUERY PLAN'][0];
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
}

/** What the batches of a call have written to the ledger. */
async function effectOf(database: TestDatabase, { batchIds }: Call): Promise<BatchEffect> {
  const [row] = await database.query<BatchEffect>(
    `select coalesce(sum(units), 0)::integer as units, (
       select coalesce(jsonb_object_agg(change, changes), '{}') from (
         select change, count(*) as changes from stock_ledger, unnest(changes) change
         where batch_id = any ($1) group by change
       ) of_change
     ) as changes
     from stock_ledger where batch_id = any ($1)`,
    [batchIds],
  );
  return row as BatchEffect;
}

it.each([
  ['without statistics', false],
  ['by the statistics of empty tables', true],
])(
  'no batch reads three times as many pages once 100,000 claims are there, planned %s',
  async (_, isAnalysed) => {
    const database = await createTestDatabase();
    await createCoupons(database.query, batchSize);
    if (isAnalysed) await database.query('vacuum analyze');
    const session = new pg.Client({
      ...{ connectionString: database.url, options: `-c search_path=${schema}` },
    });
    await session.connect();

    const pages = new Map<string, number[]>();
    const claimsAtFirst = batchSize * batchKinds.length;
    const runAll = async (round: number, claims = claimsAtFirst) => {
      for (const [index, { name, effect, prepare }] of batchKinds.entries()) {
        const users = usersOf(index, round, claims);
        const call = await prepare(database.query, users);
        pages.set(name, [...(pages.get(name) ?? []), await pagesOf(session, call)]);
        if (round > 0) expect(await effectOf(database, call), name).toEqual(effect);
      }
    };
    await runAll(0);
    await addClaims(database.query, 1, claimsAtFirst);
    await runAll(1);
    await addClaims(database.query, 2, claimsInAll);
    await runAll(2, claimsInAll);
    await session.end();

    const grown = [...pages].flatMap(([name, [, first = 0, then = 0]]) =>
      then > growthMax * first ? [`${name}: ${first}, then ${then}`] : [],
    );
    expect(grown).toEqual([]);
    await database.drop();
  },
  240_000,
);
