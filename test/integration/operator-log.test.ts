// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPools } from '../../src/adapters/postgres/connections/open-pools.ts';
import { postgresOperatorLog } from '../../src/adapters/postgres/operator-log.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ReadOperatorLog } from '../../src/core/operator-log/operator-log.ts';
import { byTest } from '../support/by-test.ts';
import { allCoupons, openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let stores: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
});

afterAll(async () => {
  await stores.close();
  await database.drop();
});

const entriesOf = (name: string) =>
  database.query('select * from operator_log where coupon_name = $1 order by at', [name]);

describe('the operator log', () => {
  it.each([
    'update operator_log set reason = null',
    'delete from operator_log',
    'delete from operator_log where false',
    'truncate operator_log',
  ])('the operator log refuses to be changed by: %s', async (statement) => {
    await stores.createCoupon(newId(), 1);
    const before = await database.query('select * from operator_log order by at, id');
    await expect(database.query(statement)).rejects.toMatchObject({ code: '55000' });
    expect(await database.query('select * from operator_log order by at, id')).toEqual(before);
  });

  it('has the actor, the request and the time of the change', async () => {
    const by = { actor: 'admin', requestId: 'request-1' } as const;
    const coupon = { name: 'whose', amount: 1, opensAt: null, closesAt: null, batchId: newId() };
    await stores.coupons.createCoupon(coupon, by);
    await stores.coupons.changeCoupon('whose', { archived: true }, { ...by, actor: 'library' });
    await stores.coupons.addStock(
      { name: 'whose', units: 1, batchId: newId(), announcement: undefined },
      { ...by, requestId: null },
    );
    const [row] = await database.query(`select decided_at from coupons where name = 'whose'`);
    expect(await entriesOf('whose')).toMatchObject([
      { actor: 'admin', action: 'create_coupon', request_id: 'request-1' },
      { actor: 'library', action: 'archive_coupon', request_id: 'request-1' },
      { actor: 'admin', action: 'add_stock', request_id: null, at: row?.decided_at },
    ]);
  });

  it.each(['create', 'change', 'archive', 'add stock'])(
    'a change that cannot be logged is not made: %s',
    async (act) => {
      const name = `unlogged ${act}`;
      const coupon = { name, amount: 1, opensAt: null, closesAt: null };
      const by = { actor: 'no such actor', requestId: null } as never;
      const create = () => stores.coupons.createCoupon({ ...coupon, batchId: newId() }, by);
      const change = (archived: boolean) =>
        stores.coupons.changeCoupon(name, archived ? { archived } : { paused: true }, by);
      const addition = { name, units: 1, batchId: newId(), announcement: undefined };
      if (act !== 'create') await stores.createCoupon(name, 1);
      const before = await stores.coupons.readCoupons([name]);
      const made = {
        create,
        change: () => change(false),
        archive: () => change(true),
        'add stock': () => stores.coupons.addStock(addition, by),
      }[act];
      await expect(made?.()).rejects.toMatchObject({ code: 'unavailable' });
      expect(await stores.coupons.readCoupons([name])).toEqual(before);
      expect(await entriesOf(name)).toHaveLength(act === 'create' ? 0 : 1);
      const ledger = await database.query(
        'select kind from stock_ledger l join coupons c on c.id = l.coupon_id where c.name = $1',
        [name],
      );
      expect(ledger).toHaveLength(act === 'create' ? 0 : 1);
    },
  );

  it('has times in UTC whatever the time zone and the format of the session', async () => {
    const [row] = await database.query<{ logged: object }>(
      `select set_config('timezone', 'Asia/Tokyo', true), set_config('datestyle', 'German', true),
         coupon_in_log(jsonb_populate_record(null::coupons, $1::jsonb)) as logged`,
      [
        JSON.stringify({
          ...{ amount: 1, archived: true, kept_opens_at: '2030-01-31T18:00:00.5+05:30' },
          kept_closes_at: '9999-12-31T23:59:59.999Z',
        }),
      ],
    );
    expect(row?.logged).toMatchObject({
      ...{ opens_at: '2030-01-31T12:30:00.5Z', closes_at: '9999-12-31T23:59:59.999Z' },
    });
  });
});

describe('reading the operator log', () => {
  let readLog: ReadOperatorLog;
  let pools: ReturnType<typeof openPools>;

  beforeAll(() => {
    pools = openPools({
      ...{ url: database.url, schema: 'firstcome', claimConnections: 1, queryConnections: 1 },
      ...{ connectTimeoutMs: 10_000, lockTimeoutMs: 10_000, statementTimeoutMs: 30_000 },
      ...{ claimTimeoutMs: 30_000, onIdleConnectionLost: () => undefined },
    });
    readLog = postgresOperatorLog(pools.forQueries);
  });
  afterAll(async () => {
    await Promise.all([pools.forBatches.close(), pools.forQueries.close()]);
  });

  it('pages list entries of the same time once, to the microsecond', async () => {
    await database.query(
      `insert into operator_log (at, actor, action, coupon_name, after)
       select timestamptz '2090-01-01 00:00:00.123456Z' + n / 4 * interval '1 microsecond', 'cli', 'create_coupon',
         'tied ' || n, '{}' from generate_series(0, 20) n`,
    );
    const ids: string[] = [];
    let before: Parameters<ReadOperatorLog>[0]['before'];
    do {
      const page = await readLog({ before, limit: 2 });
      ids.push(...page.entries.map(({ id }) => id));
      before = page.next;
    } while (before !== undefined);
    const all = await database.query<{ id: string }>(
      'select id from operator_log order by at desc, id desc',
    );
    expect(ids).toEqual(all.map(({ id }) => id));
  });
});

describe('listing coupons', () => {
  it('ends where there are fewer coupons than a page looks at, and goes on behind as many', async () => {
    await stores.createCoupon('last', 1);
    const list = (walkMax: number, cursor?: string) =>
      stores.coupons.listCoupons({ ...allCoupons, limit: 1000, walkMax, cursor });
    const [row] = await database.query<{ count: number; first: string; last: string }>(
      'select count(*)::integer as count, min(id) as first, max(id) as last from coupons',
    );
    const { count = 0, first = '', last = '' } = row ?? {};
    const all = await list(count + 1);
    expect(all.next).toBe(null);
    expect(await list(count)).toEqual({ ...all, next: last });
    expect(await list(count, last)).toEqual({ coupons: [], next: null });
    await stores.coupons.changeCoupon(all.coupons[0]?.name ?? '', { archived: true }, byTest);
    expect(await list(1)).toEqual({ coupons: [], next: first });
  });
});
