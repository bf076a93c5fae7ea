// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Services of two releases on one database: the functions of the release before decide beside those of this one, until
 * `firstcome migrate --finish`.
 */
import { randomInt } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { isLong } from '../support/long.ts';
import { lastOfReleaseBefore, migrateAsReleased } from '../support/released-migrations.ts';
import {
  createEmptyDatabase,
  migrateDatabase,
  type TestDatabase,
} from '../support/test-database.ts';

const couponNames = ['a', 'b', 'c'];
const amount = 150;
const users = 400;
const rounds = isLong ? 2_000 : 150;
const sessionsEach = 3;

/** What each release calls. */
const releases = {
  before: {
    claim: 'claim_batch',
    multi: 'claim_bundle',
    addStock: 'add_stock_3',
    resolve: `select void_batch($1::text, $2::uuid) as settled`,
  },
  now: {
    claim: 'claim_batch_2',
    multi: 'claim_multi_coupon',
    addStock: 'add_stock_4',
    resolve: `select settled from resolve_batch($1::text, $2::uuid)`,
  },
};
type Release = (typeof releases)[keyof typeof releases];

let database: TestDatabase;
/** The units that were added, by coupon. */
const added = new Map(couponNames.map((name) => [name, 0]));
/** The winners, as their calls were answered. */
const won: string[] = [];

beforeAll(async () => {
  database = await createEmptyDatabase();
  await database.query('create schema firstcome');
  await migrateAsReleased(database.url, lastOfReleaseBefore);
  for (const name of couponNames) {
    await database.query(
      `with created as (
         insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
         values ($1, $2, $2, 1, clock_timestamp(), clock_timestamp()) returning *
       )
       insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
       select id, 1, gen_random_uuid(), 'grant', amount, amount, created_at from created`,
      [name, amount],
    );
  }
});

afterAll(() => database.drop());

const pick = <Item>(items: readonly Item[]): Item => items[randomInt(items.length)] as Item;

/** A session that decides batches until its rounds are over. It keeps its prepared statements, as a service does. */
async function decideWith({ claim, multi, addStock, resolve }: Release): Promise<void> {
  const session = new pg.Client({ connectionString: database.url });
  await session.connect();
  const run = async (name: string, text: string, values: unknown[]) =>
    (await session.query({ name, text, values })).rows;
  try {
    await session.query('set search_path = firstcome');
    await session.query('set enable_seqscan = off');
    for (const _ of range(rounds)) {
      const coupon = pick(couponNames);
      const chosen = [...new Set(range(1 + randomInt(8)).map(() => `user-${randomInt(users)}`))];
      const ids = chosen.map(newId);
      const rows = await run(
        'claim',
        `select outcome, claims from ${claim}($1, $2, $3, $4::uuid[], $5, true)`,
        [newId(), coupon, chosen, ids, chosen.map(() => null)],
      );
      let place = 0;
      for (const { outcome, claims } of rows) {
        for (const user of chosen.slice(place, place + claims)) {
          if (outcome === 'claimed') won.push(`${coupon} ${user}`);
        }
        place += claims;
      }
      expect(place).toBe(chosen.length);
      const user = `user-${randomInt(users)}`;
      const winners = await run(
        'multi',
        `select place from ${multi}($1::uuid[], $2, $3, $4::uuid[], $5)`,
        [
          couponNames.map(newId),
          ...[couponNames, couponNames.map(() => user), couponNames.map(newId)],
          couponNames.map(() => null),
        ],
      );
      for (const winner of winners) won.push(`${couponNames[winner.place - 1]} ${user}`);
      if (randomInt(10) === 0) {
        const [row] = await run(
          'add',
          `select outcome from ${addStock}($1, 1, $2, null, 'cli', null)`,
          [coupon, newId()],
        );
        if (row?.outcome === 'added') added.set(coupon, (added.get(coupon) ?? 0) + 1);
      }
      if (randomInt(10) === 0) {
        expect(await run('resolve', resolve, [coupon, newId()])).toEqual([{ settled: 'void' }]);
      }
    }
  } finally {
    await session.end();
  }
}

describe('a sale during a rolling upgrade', () => {
  it('functions of both releases decide the same sale without a fault', async () => {
    const { before, now } = releases;
    const early = range(sessionsEach).map(() => decideWith(before));
    // The first service of this release starts in the middle of the sale.
    const { unfinished } = await migrateDatabase(database.url);
    expect(unfinished).toEqual(['0012_finish']);
    const late = range(sessionsEach).flatMap(() => [decideWith(before), decideWith(now)]);
    await Promise.all([...early, ...late]);

    expect(await auditRecords(database.query)).toEqual([]);
    const stored = await database.query<{ claim: string }>(
      `select c.name || ' ' || k.user_id as claim from claims k join coupons c on c.id = k.coupon_id`,
    );
    expect(won.toSorted()).toEqual(stored.map(({ claim }) => claim).toSorted());
    const coupons = await database.query<{ name: string; amount: number; left: number }>(
      'select name, amount, remaining_amount as left from coupons order by name',
    );
    expect(coupons).toEqual(
      couponNames.map((name) => ({ name, amount: amount + (added.get(name) ?? 0), left: 0 })),
    );
  });

  it('no claim changes before the upgrade is finished, and each change is decided after it', async () => {
    const [holder] = await database.query<{ user_id: string }>(
      `select user_id from claims k join coupons c on c.id = k.coupon_id where c.name = 'a' limit 1`,
    );
    const decide = async (kind: string, announcement: string | null = null) => {
      const [row] = await database.query<{ outcome: string; announced_seq: string | null }>(
        `select outcome, announced_seq from decide_batch(
           gen_random_uuid(), 'a', array[$1], array[$2], array[null::uuid], array[null::text],
           array[null::text], array[false], array[true], array[$3::bigint], array['admin'],
           array[null::text], array[null::bigint], true)`,
        [kind, holder?.user_id, announcement],
      );
      return row;
    };
    for (const kind of ['confirm', 'redeem', 'release']) {
      expect(await decide(kind)).toMatchObject({ outcome: 'not_finished' });
    }
    await migrateDatabase(database.url, { finish: true });
    // It is confirmed already.
    expect(await decide('confirm')).toMatchObject({ outcome: 'unchanged' });
    const announced = await decide('release');
    expect(announced).toMatchObject({ outcome: 'announced' });
    expect(await decide('release', announced?.announced_seq)).toMatchObject({ outcome: 'changed' });
    // What comes back is sold again, with a position of its own.
    const [again] = await database.query(
      `select outcome, position from claim_batch_2(gen_random_uuid(), 'a', array['new user'],
         array[gen_random_uuid()], array[null::text], true)`,
    );
    const [{ amount: sold } = { amount: 0 }] = await database.query<{ amount: number }>(
      `select amount from coupons where name = 'a'`,
    );
    expect(again).toEqual({ outcome: 'claimed', position: sold + 1 });
  });
});
