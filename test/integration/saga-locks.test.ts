// SPDX-License-Identifier: GPL-3.0-or-later
/** Decisions that meet another process while it takes or begins the same sagas. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { auditRecords } from '../support/audit.ts';
import { change, claim, type HoldStores, openHoldStores } from '../support/batch-commands.ts';
import { openPool } from '../support/open-pool.ts';
import { sagaClaims } from '../support/saga-claims.ts';
import { waitFor } from '../support/wait-for.ts';

let sale: HoldStores;
let saga: ReturnType<typeof sagaClaims>;
let pool: pg.Pool;
let coupon: string;
let coupons = 0;

beforeAll(async () => {
  sale = await openHoldStores();
  saga = sagaClaims(sale);
  pool = openPool({ connectionString: sale.database.url, max: 1 });
});

beforeEach(async () => {
  coupons += 1;
  coupon = `coupon-${coupons}`;
  await saga.createCoupon(coupon);
});

afterAll(async () => {
  expect(await auditRecords(sale.database.query)).toEqual([]);
  await pool.end();
  await sale.close();
});

/** Runs `change` in a transaction, starts `decide`, and commits once that waits. */
async function whileChanging<Decided>(
  change: string,
  values: unknown[],
  decide: () => Promise<Decided>,
  beforeCommit = 'select',
): Promise<Decided> {
  const other = await pool.connect();
  try {
    await other.query('begin');
    await other.query(change, values);
    const deciding = decide();
    await waitFor('decision that waits', async () => {
      const waiting = await sale.database.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.length >= 1;
    });
    await other.query(beforeCommit);
    await other.query('commit');
    return await deciding;
  } finally {
    other.release();
  }
}

it.each(['confirm', 'release'] as const)(
  'a %s of a saga waits for the process that takes it, and then changes nothing',
  async (kind) => {
    const claimId = await saga.claimAt(
      kind === 'confirm' ? 'running' : 'all undone',
      coupon,
      'ada',
    );
    const [decided] = await whileChanging(
      'update sagas set epoch = epoch + 1 where claim_id = $1',
      [claimId],
      () => sale.decide(coupon, [saga.own(kind, 'ada', claimId)]),
    );
    expect(decided).toEqual({ outcome: 'saga_moved' });
    expect(await saga.rowOf(coupon, 'ada')).toMatchObject({ epoch: '2', has_ended: false });
    expect(await sale.stockOf(coupon)).toMatchObject({ remaining: 9, returned: 0 });
  },
);

it('a release by an operator waits for the relay that begins the saga, and then asks it for its undo', async () => {
  const claimId = await saga.claimAt('not begun', coupon, 'ada');
  const [decided] = await whileChanging(
    'select begin_sagas(id, 1, 1) from coupons where name = $1',
    [coupon],
    () => sale.decide(coupon, [change('release', 'ada', { claimId, reason: 'refund' })]),
  );
  expect(decided).toMatchObject({ outcome: 'undo_requested' });
  expect(await saga.rowOf(coupon, 'ada')).toMatchObject({ state: 'R', undo_reason: 'refund' });
});

it('two releases by operators in one batch begin their sagas in the order of the relay, whatever their own', async () => {
  for (const user of ['ada', 'bob']) await saga.claimAt('not begun', coupon, user);
  const decided = await whileChanging(
    'select begin_sagas(id, 1, 1) from coupons where name = $1',
    [coupon],
    () => sale.decide(coupon, [change('release', 'bob'), change('release', 'ada')]),
    // Fails where the batch has begun this one first: each would wait for the other.
    `set local lock_timeout = 1; select begin_sagas(id, 2, 1) from coupons where name = '${coupon}'`,
  );
  expect(decided).toMatchObject([{ outcome: 'undo_requested' }, { outcome: 'undo_requested' }]);
  for (const user of ['ada', 'bob']) {
    expect(await saga.rowOf(coupon, user)).toMatchObject({ state: 'R', is_undo_asked: true });
  }
});

it('a release by an operator keeps what the process that advances the saga stores meanwhile', async () => {
  // What it asks for was asked before. But now the saga has stopped.
  const claimId = await saga.claimAt('running, undo asked', coupon, 'ada');
  const [decided] = await whileChanging(
    `update sagas set state = 'A', step = 3, attempts = 5 where claim_id = $1`,
    [claimId],
    () => sale.decide(coupon, [change('release', 'ada', { claimId })]),
  );
  expect(decided).toMatchObject({ outcome: 'undo_requested' });
  expect(await saga.rowOf(coupon, 'ada')).toMatchObject({
    ...{ state: 'C', is_undoing: true, step: 3, attempts: 0, is_undo_asked: true },
  });
});

it('a batch locks its sagas in order of their ids, so that no other process waits in a circle with it', async () => {
  const users = ['ada', 'bob', 'eve'];
  await sale.decide(
    coupon,
    users.map((user) => claim(user)),
  );
  await saga.begin(coupon);
  const rows = await sale.database.query<{ saga_id: string; user_id: string; claim_id: string }>(
    `select saga_id, user_id, claim_id from sagas
     where coupon_id = (select id from coupons where name = $1) order by saga_id desc`,
    [coupon],
  );
  const [last, ...others] = rows;
  const decided = await whileChanging(
    'update sagas set due_at = now() where saga_id = $1',
    [others.at(-1)?.saga_id],
    () =>
      sale.decide(
        coupon,
        rows.map(({ user_id: user, claim_id: claimId }, index) =>
          index === 0 ? change('release', user) : saga.own('confirm', user, claimId),
        ),
      ),
    // Fails where the batch has locked it.
    `select from sagas where saga_id = '${last?.saga_id}' for update nowait`,
  );
  expect(decided).toMatchObject([
    ...[{ outcome: 'undo_requested' }, { outcome: 'changed' }, { outcome: 'changed' }],
  ]);
});
