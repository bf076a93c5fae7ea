// SPDX-License-Identifier: GPL-3.0-or-later
/** A service of this release on the database of the release before it, until the upgrade is finished. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../support/contract-problems.ts';
import { ContractService, newName, pathOf } from '../support/contract-service.ts';
import { membersLeftOut } from '../support/coupon-members.ts';
import { migrateAsReleased } from '../support/released-migrations.ts';
import { patience } from '../support/service.ts';
import { createEmptyDatabase } from '../support/test-database.ts';

const service = new ContractService();

beforeAll(async () => {
  service.database = await createEmptyDatabase();
  await service.database.query('create schema firstcome');
  await migrateAsReleased(service.database.url, '0008_archive_coupons_and_log_operators');
  await service.database.query(
    `with created as (
       insert into coupons (name, amount, remaining_amount, ledger_seq, decided_at, created_at)
       values ('OLD', 10, 10, 1, now(), now())
       returning *
     ), granted as (
       insert into stock_ledger (coupon_id, seq, batch_id, kind, units, remaining_after, recorded_at)
       select id, 1, gen_random_uuid(), 'grant', 10, 10, now() from created
     )
     insert into operator_log (at, actor, action, coupon_name, after)
     select now(), 'cli', 'create_coupon', name, coupon_in_log(created) from created`,
  );
  await service.start(patience);
});

afterAll(async () => {
  await service.stop();
  await service.database?.drop();
});

describe('a coupon from before the upgrade', () => {
  it('a coupon from before the upgrade has the defaults of the new members', async () => {
    const { json } = await service.client.get(pathOf('OLD'));
    expect(json).toMatchObject({ name: 'OLD', amount: 10, ...membersLeftOut });
    const page = await service.client.get('/api/coupons?limit=1');
    expect(page.json.coupons).toMatchObject([{ name: 'OLD', ...membersLeftOut }]);
  });

  it('entries of the operator log from before the upgrade lack the new members', async () => {
    const { entries } = (await service.client.get('/api/operator-log')).json;
    const { after } = entries.at(-1);
    expect(entries.at(-1)).toMatchObject({ coupon_name: 'OLD', before: null });
    expect(Object.keys(after).sort()).toEqual([
      ...['amount', 'archived', 'closes_at', 'opens_at', 'paused', 'remaining_amount'],
    ]);
  });

  it('an operator can set its texts', async () => {
    const set = { title: 'Old and good', description: null, pause_reason: 'why' };
    const answer = await service.client.patch(pathOf('OLD'), set);
    expect(answer.json).toMatchObject({ name: 'OLD', ...set });
  });
});

describe('creating a coupon before the upgrade is finished', () => {
  it('a coupon with holds is refused with the command that finishes it, and nothing is stored', async () => {
    const before = await service.storedCounts();
    const body = { name: newName(), amount: 5, hold_seconds: 600 };
    const answer = await service.client.post('/api/coupons', body);
    expectProblem(answer, 'unavailable');
    expect(answer.json.detail).toContain('`firstcome migrate --finish`');
    expect(await service.storedCounts()).toEqual(before);
    const log = (await service.client.get('/api/operator-log')).json.entries;
    expect(log).not.toContainEqual(expect.objectContaining({ coupon_name: body.name }));
    expect(
      (await service.client.post('/api/coupons', { ...body, hold_seconds: null })).status,
    ).toBe(201);
  });

  it('a coupon without holds can be created with all other members', async () => {
    const members = {
      ...{
        claims_per_user_max: 1,
        stock_low_at: 2,
        title: 'a',
        description: 'b',
        pause_reason: 'c',
      },
    };
    const name = await service.createCoupon(members);
    expect((await service.client.get(pathOf(name))).json).toMatchObject(members);
  });
});
