// SPDX-License-Identifier: GPL-3.0-or-later
/** The stock check and the consistency rules while claims are made, confirmed, released and redeemed, and while holds expire. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../../src/adapters/postgres/stock-check-reader.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { checkAll } from '../support/stock-check-round.ts';
import { openStores } from '../support/stores.ts';
import { sweepHolds } from '../support/sweep-holds.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';

/** The kinds of commands that each coupon gets. Where none confirms, holds expire. */
const kindsOf: Record<string, string[]> = {
  held: ['claim', 'claim', 'claim', 'confirm', 'confirm', 'release', 'redeem'],
  abandoned: ['claim', 'claim', 'claim', 'release'],
  'not held': ['claim', 'claim', 'claim', 'release', 'release', 'redeem'],
};
const coupons = Object.keys(kindsOf);

let database: TestDatabase;
let connections: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  const stores = openStores(database.url);
  for (const name of coupons) await stores.createCoupon(name, 60);
  await stores.close();
  await database.query(
    `update coupons set claims_per_user_max = 100, hold_seconds = case when name <> 'not held' then 1 end`,
  );
  connections = new Database({
    ...{ url: database.url, schema, connectionsMax: 1, connectTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    ...{ onIdleConnectionLost: () => undefined },
  });
});

afterAll(async () => {
  await connections.close();
  await database.drop();
});

/** Numbers from 0 to below `limit` that look random, the same in each run. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % limit;
  };
}

/** Decides a batch of claims and changes. Returns the announcement that a release waits for, if one does. */
async function decide(
  couponName: string,
  next: (limit: number) => number,
  announcedSeq: string | null,
): Promise<string | null> {
  const kinds = kindsOf[couponName] ?? [];
  const commands = range(1 + next(12)).map(() => ({
    kind: kinds[next(kinds.length)] ?? 'claim',
    user: `user-${next(40)}`,
  }));
  const users = commands.map(({ user }) => user);
  const all = <Value>(value: Value) => commands.map(() => value);
  const answers = await database.query<{ announced_seq: string | null }>(
    `select announced_seq from decide_batch($1, $2, $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::boolean[],
       $9::boolean[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14)`,
    [
      ...[newId(), couponName, commands.map(({ kind }) => kind), users],
      commands.map(({ kind }) => (kind === 'claim' ? newId() : null)),
      ...[all(null), all(null), all(false), all(true), all(announcedSeq), all('admin'), all(null)],
      all(null),
      new Set(users).size === users.length,
    ],
  );
  return answers.find(({ announced_seq: seq }) => seq !== null)?.announced_seq ?? null;
}

it('finds no difference while claims change and holds expire, and each rule holds at the end', async () => {
  let isOver = false;
  const counts = () =>
    database.query<{ change: string; changes: number }>(
      `select change::text, count(*)::integer as changes from stock_ledger, unnest(changes) change
       group by change order by change::text collate "C"`,
    );
  const crowd = range(3).map(async (seed) => {
    const next = numbersFrom(seed + 1);
    const announced = new Map<string, string | null>();
    // Until holds have expired too.
    for (let batch = 0; batch < 200 || (await counts()).length < 4; batch += 1) {
      const name = coupons[next(coupons.length)] ?? '';
      announced.set(name, await decide(name, next, announced.get(name) ?? null));
      if (batch % 50 === 0) {
        await sweepHolds(database, 'abandoned');
      }
    }
  });
  const over = Promise.all(crowd).finally(() => {
    isOver = true;
  });
  for (let rounds = 0; !isOver || rounds === 0; rounds += 1) {
    for (const rows of [3, 50, 2000]) {
      const reader = postgresStockCheckReader(connections, { coupons: 2, rows });
      expect(await checkAll(reader)).toMatchObject({ difference: 0, named: [] });
    }
  }
  await over;
  expect((await counts()).map(({ change }) => change)).toEqual(['C', 'E', 'R', 'U']);
  expect(await auditRecords(database.query)).toEqual([]);
});
