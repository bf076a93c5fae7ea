// SPDX-License-Identifier: GPL-3.0-or-later
/** The leases of duties: one holder at a time, and no write of an earlier one. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresExpirySweep } from '../../src/adapters/postgres/duties/expiry-sweep-store.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { DutyLeases, Lease } from '../../src/core/duties/ports.ts';
import { openDatabase } from '../support/open-database.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { missed, waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let connections: Database;
let stores: Stores;
let [first, second]: DutyLeases[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  connections = openDatabase(database, { connectionsMax: 4 });
  stores = openStores(database.url);
  [first, second] = ['shop-1/7', 'shop-2/7'].map((node) => postgresDutyLeases(connections, node));
});

afterAll(async () => {
  await Promise.all([connections.close(), stores.close()]);
  await database.drop();
});

beforeEach(() =>
  database.query('update duties set node = null, held_since = null, expires_at = null'),
);

async function acquire(leases = first): Promise<Lease> {
  const lease = await leases?.acquire('expiry_sweep');
  if (lease === undefined) throw new Error('the lease is not free');
  return lease;
}

const holderOf = async () => (await first?.list())?.find(({ name }) => name === 'expiry_sweep');
/** Lets all leases expire, by default at once. */
const expire = (inMs = -1) =>
  database.query(
    `update duties set expires_at = clock_timestamp() + ${inMs} * interval '1 ms'
     where node is not null`,
  );

/** A coupon with a hold that has expired. Returns its id. */
async function plantHold(name: string): Promise<string> {
  await stores.createCoupon(name, 5);
  await stores.decide(name, ['ada']);
  const [row] = await database.query<{ id: string }>(
    `update coupons set hold_seconds = 60 where name = '${name}' returning id`,
  );
  await database.query(
    `update claims set expires_at = now() - interval '1 second' where coupon_id = ${row?.id}`,
  );
  return row?.id ?? '';
}

const claimsOf = (id: string) => database.query('select from claims where coupon_id = $1', [id]);

it('the relay is needed once it has begun, the retention while there are tickets, and every other duty always', async () => {
  const needed = async () =>
    (await first?.list())?.filter(({ isNeeded }) => isNeeded).map(({ name }) => name);
  expect(await needed()).toEqual(['expiry_sweep', 'stock_check']);
  await database.query('insert into event_relay (started_at) values (now())');
  expect(await needed()).toEqual(['event_relay', 'expiry_sweep', 'stock_check']);
  await database.query('delete from event_relay');
  await database.query(
    `insert into tickets (claim_id, accepted_at, decided_at, outcome)
     values (gen_random_uuid(), now(), now(), 'sold_out')`,
  );
  expect(await needed()).toEqual(['expiry_sweep', 'stock_check', 'ticket_retention']);
  await database.query('delete from tickets');
});

describe('a lease', () => {
  it('has one holder, with a name and a time, until that gives it back', async () => {
    expect(await holderOf()).toEqual({
      ...{ name: 'expiry_sweep', node: null, since: null, isNeeded: true },
    });
    const lease = await acquire();
    expect(await second?.acquire('expiry_sweep')).toBeUndefined();
    expect(await first?.acquire('expiry_sweep')).toBeUndefined();
    expect(await holderOf()).toMatchObject({
      node: 'shop-1/7',
      since: expect.stringMatching(/Z$/),
    });
    expect(await first?.renew(lease)).toBe(true);
    await first?.release(lease);
    const next = await acquire(second);
    expect(Number(next.epoch)).toBe(Number(lease.epoch) + 1);
    expect(await holderOf()).toMatchObject({ node: 'shop-2/7' });
  });

  it('that has expired cannot be renewed or ended by its holder, and another one can acquire it', async () => {
    const lease = await acquire();
    await expire();
    expect(await holderOf()).toMatchObject({ node: null, since: null });
    expect(await first?.renew(lease)).toBe(false);
    await acquire(second);
    expect(await first?.renew(lease)).toBe(false);
    await first?.release(lease);
    expect(await holderOf()).toMatchObject({ node: 'shop-2/7' });
  });

  it('is free when the clock was set back since it was acquired', async () => {
    await acquire();
    await database.query(`update duties set expires_at = expires_at + interval '1 hour'`);
    expect(await holderOf()).toMatchObject({ node: null });
    await acquire(second);
  });

  it('has one holder when many processes acquire it together', async () => {
    const attempts = Array.from({ length: 20 }, () => second?.acquire('expiry_sweep'));
    const leases = (await Promise.all(attempts)).filter((lease) => lease !== undefined);
    expect(leases).toHaveLength(1);
  });
});

describe('a write of a duty', () => {
  const sweepOf = () => postgresExpirySweep(connections, newId);

  it('writes nothing after its lease has expired, also when no other process has acquired it', async () => {
    const id = await plantHold('expired');
    const lease = await acquire();
    await expire();
    expect(await sweepOf().sweep(lease, [id])).toBe('lease_lost');
    expect(await claimsOf(id)).toHaveLength(1);
  });

  it('writes nothing after another process has acquired the lease', async () => {
    const id = await plantHold('taken over');
    const lease = await acquire();
    await expire();
    const next = await acquire(second);
    expect(await sweepOf().sweep(lease, [id])).toBe('lease_lost');
    expect(await claimsOf(id)).toHaveLength(1);
    expect(await sweepOf().sweep(next, [id])).toMatchObject([{ couponId: id, released: 1 }]);
    expect(await claimsOf(id)).toHaveLength(0);
  });

  it('keeps other processes from the lease until it has ended, however long it waits', async () => {
    const id = await plantHold('waiting');
    const lease = await acquire();
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    try {
      await blocker.query('begin');
      await blocker.query(`select from firstcome.coupons where id = ${id} for update`);
      await expire(1_000);
      const swept = sweepOf().sweep(lease, [id]);
      await waitFor('sweep that waits for the coupon', async () => {
        const waiting = await database.query('select from pg_locks where not granted');
        return waiting.length > 0;
      }).catch(() => missed('a sweep within the lease'));
      await waitFor('end of the lease', async () => (await holderOf())?.node === null);
      expect(await second?.acquire('expiry_sweep')).toBeUndefined();
      await blocker.query('rollback');
      expect(await swept).toMatchObject([{ released: 1 }]);
      await acquire(second);
    } finally {
      await blocker.end();
    }
  });
});
