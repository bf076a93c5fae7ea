// SPDX-License-Identifier: GPL-3.0-or-later
/** The statements that promise something run require_durability(), before they do anything. */
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { durabilityOf } from '../../src/adapters/postgres/start/durability.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const folder = new URL('../../src/adapters/postgres/sql/', import.meta.url);

const guarded = readdirSync(folder)
  .map((file) => ({
    name: file.replace(/\.sql$/, ''),
    text: readFileSync(new URL(file, folder), 'utf8'),
  }))
  .filter(({ text }) => /^(?!--).*(?<!')\brequire_durability\(\)/m.test(text));

const parameters = { bigint: '999', boolean: 'false', integer: '10', jsonb: '{}', json: '{}' };

/** A list of parameters of the right types. */
function parametersOf(text: string): string {
  const values: string[] = [];
  for (const [, number, type = ''] of text.matchAll(/\$(\d+)::(\w+(?:\[\])?)/g)) {
    const other = { uuid: '00000000-0000-0000-0000-000000000000', timestamptz: '2030-01-01' };
    const known: Record<string, string> = { ...parameters, ...other };
    values[Number(number) - 1] = `'${type.endsWith('[]') ? '{}' : (known[type] ?? 'none')}'`;
  }
  return values.length === 0 ? '' : `(${values.join(', ')})`;
}

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

describe('require_durability()', () => {
  it('is in each statement that decides claims or acknowledges a change of an operator', () => {
    expect(guarded.map(({ name }) => name)).toEqual([
      ...['add-stock', 'change-coupon', 'claim-batch', 'claim-multi-coupon', 'claim-tickets'],
      ...['confirm-durability', 'create-coupon', 'create-webhook', 'decide-batch'],
      ...['delete-webhook', 'enable-webhook', 'find-coupon-change', 'find-grant', 'find-tickets'],
      ...['log-dead-letter', 'read-ticket', 'redeliver-event', 'redeliver-events', 'resolve-batch'],
      ...['resolve-saga', 'retry-saga'],
      'rotate-webhook-secret',
    ]);
  });

  it.each(guarded.filter(({ name }) => name !== 'confirm-durability'))(
    'is a one-time filter in the plan of $name',
    async ({ text }) => {
      await client.query({ text: `prepare planned as ${text}` });
      await client.query(`set plan_cache_mode = 'force_generic_plan'`);
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        `explain (costs off) execute planned ${parametersOf(text)}`,
      );
      await client.query('deallocate planned');
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/One-Time Filter: .*firstcome.durability_min.*require_durability_of\(/);
      expect(plan).not.toMatch(/^\s*Filter: .*require_durability/m);
    },
  );

  it('agrees with the level that the health shows, for each least level', async () => {
    const [names] = await database.query<{ fsync: string; synchronous_standby_names: string }>(
      `select current_setting('fsync') as fsync,
        current_setting('synchronous_standby_names') as synchronous_standby_names`,
    );
    for (const synchronous_commit of ['on', 'local', 'remote_apply', 'off']) {
      const level = durabilityOf({
        ...{ fsync: 'on', synchronous_standby_names: '' },
        ...{ ...names, synchronous_commit },
      });
      await client.query(`set synchronous_commit = '${synchronous_commit}'`);
      const order = ['unsafe', 'local', 'replicated'];
      for (const min of ['', 'local', 'replicated']) {
        await client.query('select set_config($1, $2, false)', ['firstcome.durability_min', min]);
        const isEnough = await client.query('select require_durability()').then(
          () => true,
          (error: { code: string }) => error.code !== 'FC001',
        );
        expect([synchronous_commit, min, isEnough]).toEqual([
          ...[synchronous_commit, min],
          order.indexOf(level) >= order.indexOf(min),
        ]);
      }
    }
  });
});
