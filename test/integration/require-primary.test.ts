// SPDX-License-Identifier: GPL-3.0-or-later
/** The plans of reads run require_primary(), which fails on a standby, exactly once. */
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const folder = new URL('../../src/adapters/postgres/sql/', import.meta.url);

/** A value for each type of parameter that finds no row. */
const nothing: Record<string, unknown> = {
  bigint: '999',
  boolean: false,
  integer: 10,
  'integer[]': [10],
  json: '{}',
  text: 'none',
  uuid: '00000000-0000-0000-0000-000000000000',
  'text[]': ['none'],
  'timestamptz[]': ['2026-01-01T00:00:00Z'],
  'uuid[]': ['00000000-0000-0000-0000-000000000000'],
};

const guarded = readdirSync(folder)
  .map((file) => {
    // The consistency rule that the program inserts.
    const rule = 'select * from coupons';
    const text = readFileSync(new URL(file, folder), 'utf8').replace('/* rule */', rule);
    return { name: file.replace(/\.sql$/, ''), text, types: typesOf(text) };
  })
  .filter(({ text }) => /^(?!--).*require_primary\(\)/m.test(text));

/** The types of a statement's parameters, in order. */
function typesOf(text: string): string[] {
  const types: string[] = [];
  // An array of ids is sent as texts.
  for (const [, number, type = ''] of text.matchAll(
    /\$(\d+)::(?:text\[\]::(?=uuid))?(\w+(?:\[\])?)/g,
  )) {
    types[Number(number) - 1] = type;
  }
  return types;
}

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('set enable_seqscan = off');
  await client.query(`set track_functions = 'pl'`);
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** How often the function ran in this transaction. */
async function calls(): Promise<number> {
  const { rows } = await client.query<{ calls: string }>(
    `select calls from pg_stat_xact_user_functions where funcname = 'require_primary'`,
  );
  return Number(rows[0]?.calls ?? 0);
}

it.each(guarded)(
  'require_primary() runs once in $name, also where no row matches',
  async ({ name, text, types }) => {
    const values = types.map((type) => nothing[type]);
    // PostgreSQL makes custom plans for the first five runs; the last runs use the generic plan.
    for (let time = 1; time <= 7; time += 1) {
      await client.query('begin');
      const before = await calls();
      await client.query({ name, text, values });
      expect((await calls()) - before).toBe(1);
      await client.query('commit');
    }
  },
);

it.each(guarded)(
  'require_primary() is a one-time filter in the plan of $name',
  async ({ text, types }) => {
    const parameters = types.map((type) => {
      const value = nothing[type];
      return `'${Array.isArray(value) ? `{${value.join(',')}}` : value}'`;
    });
    await client.query({ text: `prepare planned as ${text}` });
    await client.query(`set plan_cache_mode = 'force_generic_plan'`);
    const list = parameters.length > 0 ? `(${parameters.join(', ')})` : '';
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (costs off) execute planned ${list}`,
    );
    await client.query('deallocate planned');
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/One-Time Filter: \(?require_primary\(\)/);
    // That table has a few rows.
    expect(plan).not.toMatch(/Seq Scan on (?!outcome_gaps )|^\s*Filter: .*require_primary/m);
  },
);
