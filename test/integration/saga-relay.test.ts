// SPDX-License-Identifier: GPL-3.0-or-later
/** Each claim of a coupon with a saga begins one, exactly once, and its events show it. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDutyLeases } from '../../src/adapters/postgres/duties/duty-leases.ts';
import { postgresDeliveries } from '../../src/adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../../src/adapters/postgres/events/event-relay-store.ts';
import { postgresWebhookStore } from '../../src/adapters/postgres/events/webhook-store.ts';
import type { Lease } from '../../src/core/duties/ports.ts';
import { sagaIdOf } from '../../src/core/sagas/saga-id.ts';
import { change, claim, type HoldStores, openHoldStores } from '../support/batch-commands.ts';
import { byTest } from '../support/by-test.ts';
import { range } from '../support/crowd.ts';
import { openDatabase } from '../support/open-database.ts';
import { sagaClaims } from '../support/saga-claims.ts';
import { waitFor } from '../support/wait-for.ts';
import { createCouponWith, createWebhook, relayAll } from '../support/webhooks.ts';

let sale: HoldStores;
let saga: ReturnType<typeof sagaClaims>;
let connections: Database;
let lease: Lease;

/** Slices so small that every look crosses the edges of some. */
const sizes = { coupons: 2, rows: 3, deliveries: 4 };
const relay = () => relayAll(postgresEventRelay(connections, sizes), lease);

beforeAll(async () => {
  sale = await openHoldStores();
  saga = sagaClaims(sale);
  connections = openDatabase(sale.database);
  const acquired = await postgresDutyLeases(connections, 'shop/1').acquire('event_relay');
  if (acquired === undefined) throw new Error('the lease is not free');
  lease = acquired;
  await sale.database.query(`update duties set expires_at = 'infinity' where name = 'event_relay'`);
});

afterAll(async () => {
  await connections.close();
  await sale.close();
});

beforeEach(async () => {
  await sale.database.query(
    `truncate coupons, claims, released_claims, stock_ledger, webhooks, webhook_deliveries, event_cursors, event_relay,
       sagas, saga_steps`,
  );
});

const createCoupon = (name: string, amount = 1_000) =>
  createCouponWith(sale.stores, name, { amount, holdSeconds: 600, saga: 'checkout' });

type SagaRow = { claim_id: string; saga_id: string };

const sagas = () =>
  sale.database.query<SagaRow>('select saga_id, claim_id from sagas order by coupon_id, position');

const claimIds = async () =>
  (
    await sale.database.query<SagaRow>('select claim_id from claims order by coupon_id, position')
  ).map(({ claim_id: id }) => id);

/** Every claim has the saga of its id, and there is no other. */
async function expectSagaForEachClaim(): Promise<void> {
  const ids = await claimIds();
  expect(await sagas()).toEqual(ids.map((id) => ({ claim_id: id, saga_id: sagaIdOf(id) })));
}

it('each claim begins a saga with its times, its user and a shard, without any webhook', async () => {
  await createCoupon('shop');
  await sale.decide('shop', [claim('ada'), claim('bob')]);
  await sale.decide('shop', [claim('cyd')]);
  await relay();
  await expectSagaForEachClaim();
  expect(
    await sale.database.query(
      `select count(*)::integer as count from sagas s join claims c using (coupon_id, position)
       where s.user_id = c.user_id and s.name = 'checkout' and s.state = 'R' and s.step = 1 and s.version is null
         and s.started_at = c.claimed_at and s.due_at = c.claimed_at
         and s.deadline_at = c.claimed_at + interval '600 seconds' and s.shard between 0 and 15
         and s.shard = saga_shard_of(c.claim_id)`,
    ),
  ).toEqual([{ count: 3 }]);
});

it('a claim of a coupon without a saga begins none', async () => {
  await createWebhook(sale.database);
  await createCouponWith(sale.stores, 'plain', { amount: 10 });
  await createCouponWith(sale.stores, 'holds', { amount: 10, holdSeconds: 60 });
  await sale.decide('plain', [claim('ada')]);
  await sale.decide('holds', [claim('ada')]);
  await relay();
  expect(await sagas()).toEqual([]);
});

it('a second reading of the ledger changes no saga', async () => {
  await createCoupon('shop');
  for (const batch of range(10)) {
    await sale.decide('shop', [claim(`a${batch}`), claim(`b${batch}`)]);
  }
  await relay();
  await sale.database.query(`update sagas set state = 'C', epoch = 7, step = 2, is_undoing = true`);
  const before = await sale.database.query('select * from sagas order by position');
  await sale.database.query('update event_cursors set seq = 0');
  await relay();
  expect(await sale.database.query('select * from sagas order by position')).toEqual(before);
  await expectSagaForEachClaim();
});

it('a saga that a call for its undo has begun stays as that call left it', async () => {
  await createCoupon('shop');
  await sale.decide('shop', [claim('ada'), claim('bob')]);
  const [asked] = await sale.decide('shop', [change('release', 'ada', { reason: 'refund' })]);
  expect(asked?.outcome).toBe('undo_requested');
  await relay();
  await expectSagaForEachClaim();
  expect(await saga.rowOf('shop', 'ada')).toMatchObject({ undo_reason: 'refund' });
});

it('no claim is left without a saga while claims arrive and the connections of the relay break', async () => {
  await createCoupon('one');
  await createCoupon('two');
  let isSelling = true;
  const sell = async () => {
    for (const batch of range(60)) {
      for (const coupon of ['one', 'two']) {
        await sale.decide(
          coupon,
          range(3).map((user) => claim(`${batch}-${user}`)),
        );
      }
    }
    isSelling = false;
  };
  let broken = 0;
  const store = postgresEventRelay(connections, sizes);
  const read = async () => {
    while (isSelling) {
      const { found } = await store.findUnread('0').catch(() => ({ found: [] }));
      const ids = found.map(({ couponId }) => couponId);
      if (ids.length > 0) await store.relay(lease, ids).catch(() => (broken += 1));
    }
  };
  const breakConnections = async () => {
    while (isSelling) {
      await sale.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query like '%relay_ledger(%' and pid <> pg_backend_pid()`,
      );
    }
  };
  await Promise.all([sell(), read(), read(), breakConnections()]);
  expect(broken).toBeGreaterThan(0);
  await relay();
  expect(await claimIds()).toHaveLength(360);
  await expectSagaForEachClaim();
});

it('a claim that arrives while a slice of the relay stores sagas begins its own', async () => {
  await createCoupon('shop');
  await sale.decide('shop', [claim('ada')]);
  const session = new pg.Client({ connectionString: sale.database.url });
  await session.connect();
  await session.query('begin');
  await session.query(`select begin_sagas(id, 1, 1) from coupons`);
  const slice = relayAll(postgresEventRelay(connections), lease);
  await waitFor('wait for the saga', async () => {
    const waits = await sale.database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return waits.length >= 1;
  });
  await sale.decide('shop', [claim('bob')]);
  await session.query('rollback');
  await session.end();
  await slice;
  await relay();
  await expectSagaForEachClaim();
});

it('the relay goes on without webhooks while a coupon has a saga, and ends where none has', async () => {
  const webhooks = postgresWebhookStore(connections, '0123456789abcdef');
  const isRelaying = async () =>
    (await sale.database.query('select from event_relay')).length === 1;
  await createCouponWith(sale.stores, 'plain', { amount: 10 });
  await webhooks.delete(await createWebhook(sale.database), byTest);
  expect(await isRelaying()).toBe(false);
  const webhookId = await createWebhook(sale.database);
  await createCoupon('shop');
  await webhooks.delete(webhookId, byTest);
  expect(await isRelaying()).toBe(true);
  await sale.decide('shop', [claim('ada')]);
  await relay();
  await expectSagaForEachClaim();
});

it('a relay that begins anew reads each row of a coupon with a saga, also those of before', async () => {
  for (const name of ['read', 'read in part', 'unread']) await createCoupon(name);
  await createCouponWith(sale.stores, 'plain', { amount: 10 });
  for (const name of ['read', 'read in part', 'plain']) await sale.decide(name, [claim('ada')]);
  await relay();
  for (const name of ['read in part', 'unread', 'plain']) await sale.decide(name, [claim('bob')]);
  await sale.database.query('delete from event_relay');
  const webhookId = await createWebhook(sale.database);
  await sale.database.query(
    `delete from event_cursors where coupon_id = (select id from coupons where name = 'unread')`,
  );
  await relay();
  await sale.database.query(
    `delete from claims where coupon_id = (select id from coupons where name = 'plain')`,
  );
  await expectSagaForEachClaim();
  // No webhook gets what happened before it was made.
  expect(
    await sale.database.query(
      `select type from webhook_deliveries where webhook_id = $1 and type like 'claim.%'`,
      [webhookId],
    ),
  ).toEqual([]);
});

it('the events of a claim show its saga as that change left it, and no end of the hold', async () => {
  const webhookId = await createWebhook(sale.database, {
    events: ['claim.reserved', 'claim.confirmed', 'claim.redeemed', 'claim.released'],
  });
  await saga.createCoupon('shop');
  await sale.database.query(
    'insert into event_relay (started_at) values (now()) on conflict do nothing',
  );
  await saga.claimAt('done and redeemed', 'shop', 'ada');
  await saga.claimAt('compensated', 'shop', 'bob');
  await saga.claimAt('not begun', 'shop', 'cyd');
  await relay();
  const deliveries = postgresDeliveries(connections, '0123456789abcdef');
  const session = await deliveries.begin(webhookId);
  if (session === undefined) throw new Error('the webhook is not ready');
  const seen: unknown[][] = [];
  for (;;) {
    const due = await deliveries.findDue(session, 10, []);
    if (due.length === 0) break;
    for (const { event } of due) {
      if (!('claim' in event.data)) continue;
      const { claimId, userId, state, sagaId, sagaState, expiresAt } = event.data.claim;
      expect(sagaId).toBe(sagaIdOf(claimId));
      expect(expiresAt).toBeUndefined();
      seen.push([userId, event.type, state, sagaState]);
    }
    const delivered = due.map(({ event: { couponId, seq, n } }) => ({
      ...{ couponId, seq, n, state: 'delivered' as const, dueInMs: 0, status: 204, error: null },
    }));
    const well = { failuresInARow: 0, waitsMs: 0, disabledReason: undefined };
    await deliveries.record(session, delivered, well);
  }
  expect(seen.sort()).toEqual([
    ['ada', 'claim.confirmed', 'confirmed', 'done'],
    ['ada', 'claim.redeemed', 'redeemed', 'done'],
    ['ada', 'claim.reserved', 'reserved', 'running'],
    ['bob', 'claim.released', 'released', 'compensated'],
    ['bob', 'claim.reserved', 'reserved', 'running'],
    ['cyd', 'claim.reserved', 'reserved', 'running'],
  ]);
});
