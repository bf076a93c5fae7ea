// SPDX-License-Identifier: GPL-3.0-or-later
/** The faults of the stores and of an embedded engine when the database refuses a statement by a rule. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../src/adapters/system/ids.ts';
import { createFirstcome, type Firstcome, migrate } from '../../src/library.ts';
import { byTest } from '../support/by-test.ts';
import { range } from '../support/crowd.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

describe('a store that gets values which the API would refuse', () => {
  let stores: Stores;

  beforeAll(() => {
    stores = openStores(database.url);
  });

  afterAll(() => stores.close());

  const coupon = { amount: 5, opensAt: null, closesAt: null };
  const [early, late] = ['2030-01-01T00:00:00Z', '2031-01-01T00:00:00Z'];

  it.each([
    ['name', { ...coupon, name: 'x'.repeat(256) }],
    ['name', { ...coupon, name: '' }],
    ['amount', { ...coupon, name: 'none', amount: 0 }],
    ['closes_at', { ...coupon, name: 'late', opensAt: late, closesAt: early }],
  ])('a store names the field %s for the caller to correct', async (field, wrong) => {
    await expect(
      stores.coupons.createCoupon({ ...wrong, batchId: newId() }, byTest),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      detail: expect.stringContaining(field),
      fields: [{ field, message: expect.stringMatching(/^must /) }],
    });
  });

  it('reports a refused read as unavailable, not as an error of the caller', async () => {
    const code = 'unavailable';
    await expect(stores.reader.findClaim('any', 'eve\0')).rejects.toMatchObject({ code });
    await expect(stores.coupons.readCoupons(['any\0'])).rejects.toMatchObject({ code });
  });
});

describe('an embedded engine', () => {
  const schema = 'sale';
  const warnings: { event: Record<string, unknown>; message: string }[] = [];
  let pool: pg.Pool;
  let engine: Firstcome;
  let coupons = 0;
  const newName = () => `COUPON-${++coupons}`;

  beforeAll(async () => {
    pool = new pg.Pool({ connectionString: database.url });
    pool.on('error', () => undefined);
    await migrate({ pool, schema });
  });

  beforeEach(async () => {
    warnings.length = 0;
    const logger = {
      warn: (event: Record<string, unknown>, message: string) => warnings.push({ event, message }),
    };
    engine = await createFirstcome({ pool, schema, logger });
  });

  afterEach(() => engine.stop());

  afterAll(() => pool.end());

  it('logs once, with the statement that repairs it, that a sequence which is behind refuses new coupons', async () => {
    for (const name of range(3).map(newName)) await engine.createCoupon({ name, amount: 1 });
    await database.query(`alter table ${schema}.coupons alter column id restart with 1`);
    const names = range(3).map(newName);
    for (const name of names) {
      await expect(engine.createCoupon({ name, amount: 1 })).rejects.toMatchObject({
        code: 'unavailable',
        fields: [],
      });
    }
    await database.query(`alter table ${schema}.coupons alter column id restart with 1`);
    expect(warnings).toEqual([
      {
        event: {
          ...{ statement: 'create-coupon', rule: 'sequence', sqlState: '23505', schema },
          ...{ constraint: 'coupons_primary_key', table: 'coupons', refusedSinceLastLine: 0 },
          remedy: expect.stringMatching(/^select setval\(/),
        },
        message:
          'the database refuses to create coupons: the sequence of coupons.id is behind its table',
      },
    ]);
    await database.query(String(warnings[0]?.event.remedy));
    for (const name of names) await engine.createCoupon({ name, amount: 1 });
  });

  it('decides all other claims of a batch when a trigger refuses one, and logs the function without a value', async () => {
    const name = newName();
    await engine.createCoupon({ name, amount: 20 });
    await database.query(
      `create function ${schema}.check_user() returns trigger language plpgsql as $$ begin
         if new.user_id like 'secret%' then
           raise exception 'not %', new.user_id using constraint = new.user_id || ' is wrong';
         end if;
         return new;
       end $$`,
    );
    await database.query(
      `create trigger check_user before insert on ${schema}.claims
       for each row execute function ${schema}.check_user()`,
    );
    try {
      const users = range(10).map((user) => (user === 4 ? 'secret of ada' : `user-${user}`));
      const answers = await Promise.allSettled(
        users.map((userId) => engine.claim({ couponName: name, userId })),
      );
      const [refused] = answers.splice(4, 1);
      expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
      expect(answers).toEqual(
        answers.map(() => ({
          status: 'fulfilled',
          value: expect.objectContaining({ outcome: 'claimed' }),
        })),
      );
      expect(warnings).toEqual([
        {
          event: {
            ...{ statement: 'claim-batch', rule: 'foreign', sqlState: 'P0001' },
            ...{ function: 'check_user() line 3', refusedSinceLastLine: 0 },
          },
          message: 'the database refuses a change by a constraint or a trigger of another program',
        },
      ]);
      expect(JSON.stringify(warnings)).not.toContain('secret');
      const { reason } = refused as PromiseRejectedResult;
      expect(`${reason.stack} ${reason.cause?.stack} ${reason.cause?.cause?.stack}`).not.toContain(
        'secret',
      );
    } finally {
      await database.query(`drop function ${schema}.check_user() cascade`);
    }
  });

  it('an embedded engine names the fields of a fault as the package does', async () => {
    const name = newName();
    const opensAt = new Date('2030-01-31T18:00:00Z');
    await engine.createCoupon({ name, amount: 1, opensAt });
    await expect(engine.changeCoupon(name, { closesAt: opensAt })).rejects.toMatchObject({
      code: 'invalid_request',
      detail: 'closesAt must be later than opensAt',
      fields: [{ field: 'closesAt', message: 'must be later than opensAt' }],
    });
    await expect(engine.addStock({ name, units: 2_147_483_647 })).rejects.toMatchObject({
      fields: [{ field: 'units' }],
    });
    expect(warnings).toEqual([]);
  });
});
