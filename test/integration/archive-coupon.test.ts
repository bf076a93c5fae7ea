// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import type { CouponChange } from '../../src/core/coupons/ports.ts';
import { auditRecords } from '../support/audit.ts';
import { byTest } from '../support/by-test.ts';
import { createUnfinishedDatabase } from '../support/released-migrations.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import type { TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createUnfinishedDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await stores.close();
  await database.drop();
});

const change = (name: string, what: CouponChange) =>
  stores.coupons.changeCoupon(name, what, byTest);
const read = async (name: string) => (await stores.coupons.readCoupons([name])).get(name);

/** Changes a coupon as a process of the previous release does; an empty change leaves it as it is. */
const changeAsBefore = (name: string, set: string) =>
  database.query(
    `select name, state from change_coupon(in_name => $1, in_set_opens_at => false, in_opens_at => null,
       in_set_closes_at => $2, in_closes_at => $3, in_paused => $4, in_holders_max => 10)`,
    [name, set === 'null' || set.startsWith('2'), set.startsWith('2') ? set : null, pauseIn(set)],
  );
const pauseIn = (set: string) => (set === 'pause' ? true : set === 'resume' ? false : null);

describe('an archived coupon beside processes of the previous release', () => {
  it.each([
    ['removes the end of its window', 'null'],
    ['sets an end in the future', '2999-01-01'],
    ['pauses it', 'pause'],
  ])('a previous process that %s is refused', async (_, set) => {
    const name = `refused ${set}`;
    await stores.createCoupon(name, 5);
    await change(name, { archived: true });
    const before = await read(name);
    await expect(changeAsBefore(name, set)).rejects.toMatchObject({
      constraint: 'coupons_archived_is_closed',
    });
    expect(await read(name)).toEqual(before);
    expect(outcomesOf(await stores.decide(name, ['ada']))).toEqual(['closed']);
  });

  it('a previous process that resumes it leaves it closed, and its pause stays', async () => {
    await stores.createCoupon('resumed', 5);
    await change('resumed', { paused: true, archived: true });
    expect(await changeAsBefore('resumed', 'resume')).toMatchObject([{ state: 'closed' }]);
    expect(await read('resumed')).toMatchObject({ state: 'closed', paused: true, archived: true });
  });

  it('a previous process can change a coupon before it is archived and afterwards', async () => {
    await stores.createCoupon('both', 5);
    expect(await changeAsBefore('both', 'pause')).toMatchObject([{ state: 'paused' }]);
    await change('both', { archived: true });
    expect(await read('both')).toMatchObject({ paused: true, state: 'closed' });
    await change('both', { archived: false });
    expect(await changeAsBefore('both', 'resume')).toMatchObject([{ state: 'open' }]);
    expect(outcomesOf(await stores.decide('both', ['ada']))).toEqual(['claimed']);
  });

  it('previous processes can add stock to it, which does not open it', async () => {
    await stores.createCoupon('stocked', 5);
    await change('stocked', { archived: true });
    for (const previous of ['add_stock', 'add_stock_2']) {
      const added = await database.query(
        `select outcome, (coupon).state from ${previous}($1, 2, $2, null, 10)`,
        ['stocked', newId()],
      );
      expect(added).toEqual([{ outcome: 'added', state: 'closed' }]);
    }
    expect(await read('stocked')).toMatchObject({ amount: 9, archived: true });
  });

  it('a previous process creates coupons that are not archived', async () => {
    await database.query(
      `insert into coupons (name, amount, remaining_amount, opens_at, closes_at, ledger_seq, decided_at, created_at)
       values ('older', 1, 1, null, null, 1, now(), now()) returning *`,
    );
    await database.query(
      `insert into stock_ledger (coupon_id, seq, batch_id, kind, units, first_position, remaining_after, recorded_at)
       select id, 1, gen_random_uuid(), 'grant', 1, null, 1, created_at from coupons where name = 'older'`,
    );
    expect(await read('older')).toMatchObject({ archived: false, state: 'open' });
  });

  it('the decision functions refuse its claims, one by one and in a multi-coupon batch', async () => {
    await stores.createCoupon('decided', 5);
    await stores.decide('decided', ['holder']);
    await change('decided', { archived: true });
    expect(outcomesOf(await stores.decide('decided', ['holder', 'ada', 'eve']))).toEqual([
      ...['already_claimed', 'closed', 'closed'],
    ]);
    const command = { couponName: 'decided', userId: 'bob', claimId: newId() };
    const batch = { batchId: newId(), couponName: 'decided' };
    const answer = await stores.claims.claimMultiCoupon([
      { ...batch, commands: [{ ...command, idempotencyKey: undefined }] },
    ]);
    expect(answer).toMatchObject({ outcomes: [undefined] });
  });
});

describe('the columns of an archived coupon', () => {
  it.each([
    ['closed', `archived = true, kept_paused = false`, 'coupons_archived_is_closed'],
    ['kept', `archived = true, closes_at = '1970-01-01Z'`, 'coupons_kept_while_archived'],
    ['kept only then', `kept_closes_at = '2999-01-01Z'`, 'coupons_kept_while_archived'],
    [
      'without a start',
      `archived = true, kept_paused = false, closes_at = '1970-01-01Z',
       opens_at = '1969-01-01Z'`,
      'coupons_archived_is_closed',
    ],
    [
      'not paused',
      `archived = true, kept_paused = false, closes_at = '1970-01-01Z', paused = true`,
      'coupons_archived_is_closed',
    ],
    [
      'in order',
      `archived = true, kept_paused = false, closes_at = '1970-01-01Z',
       kept_opens_at = '2031-01-01Z', kept_closes_at = '2030-01-01Z'`,
      'coupons_kept_window_order',
    ],
  ])('the columns of an archived coupon are always %s', async (rule, set, constraint) => {
    const name = `columns ${rule}`;
    await stores.createCoupon(name, 1);
    const update = database.query(`update coupons set ${set} where name = $1`, [name]);
    await expect(update).rejects.toMatchObject({ constraint });
  });

  it('archiving and its undo count as decisions: no later one is dated before them', async () => {
    await stores.createCoupon('dated', 5);
    await database.query(`update coupons set decided_at = '2100-01-01Z' where name = 'dated'`);
    await change('dated', { archived: true });
    await change('dated', { archived: false });
    const answer = await stores.decide('dated', ['ada']);
    const claimedAt = expect.stringMatching(/^2100-01-01T/);
    expect(answer).toMatchObject({ outcomes: [{ outcome: 'claimed', claim: { claimedAt } }] });
  });
});
