// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresClaimStore } from '../../src/adapters/postgres/claim-store.ts';
import { Database } from '../../src/adapters/postgres/database.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import { auditRecords } from '../support/audit.ts';
import { range } from '../support/crowd.ts';
import { openStores, outcomesOf, type Stores } from '../support/stores.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const lockTimeoutMs = 300;

let database: TestDatabase;
/** Gives up soon, like the service. */
let stores: Stores;
/** Waits long, like a batch whose client is gone. */
let patient: Stores;

beforeAll(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url, { lockTimeoutMs });
  patient = openStores(database.url, { lockTimeoutMs: 60_000, claimTimeoutMs: 60_000 });
});

afterAll(async () => {
  expect(await auditRecords(database.query)).toEqual([]);
  await Promise.all([stores.close(), patient.close()]);
  await database.drop();
});

/** Locks the coupon's row in a session of its own, until the returned function is called. */
async function holdLock(couponName: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url, application_name: 'by hand' });
  await client.connect();
  await client.query('begin');
  await client.query('select from coupons where name = $1 for update', [couponName]);
  return () => client.end();
}

const waitForWaiters = (count: number) =>
  waitFor('statements that wait for the lock', async () => {
    const waiting = await database.query(
      `select from pg_stat_activity where datname = current_database()
       and wait_event_type = 'Lock' and application_name = 'firstcome'`,
    );
    return waiting.length >= count;
  });

describe('a void mark', () => {
  it('refuses its batch for good when that arrives late, and not the same claims with another batch id', async () => {
    await stores.createCoupon('late', 10);
    const batchId = newId();
    const claims = [{ userId: 'ada', claimId: newId() }];
    expect((await stores.claims.resolveBatch('late', batchId)).kind).toBe('void');
    expect(outcomesOf(await stores.decide('late', claims, batchId))).toEqual(['refused: broken']);
    expect(await stores.reader.findClaim('late', 'ada')).toBeUndefined();
    expect(outcomesOf(await stores.decide('late', claims))).toEqual(['claimed']);
  });

  it('is written once, and returns void again when it is repeated', async () => {
    await stores.createCoupon('twice', 10);
    const batchId = newId();
    expect((await stores.claims.resolveBatch('twice', batchId)).kind).toBe('void');
    expect((await stores.claims.resolveBatch('twice', batchId)).kind).toBe('void');
    const marks = await database.query('select from stock_ledger where batch_id = $1', [batchId]);
    expect(marks.length).toBe(1);
  });

  it('returns that its batch had committed, and changes nothing then', async () => {
    await stores.createCoupon('committed', 10);
    const batchId = newId();
    await stores.decide('committed', ['ada', 'eve'], batchId);
    expect((await stores.claims.resolveBatch('committed', batchId)).kind).toBe('committed');
    expect((await stores.claims.resolveBatch('committed', batchId)).kind).toBe('committed');
    expect(outcomesOf(await stores.decide('committed', ['ada']))).toEqual(['already_claimed']);
  });

  it('returns void for a batch that committed without a winner, as it stored nothing', async () => {
    await stores.createCoupon('no winner', 1);
    await stores.decide('no winner', ['ada']);
    const batchId = newId();
    expect(outcomesOf(await stores.decide('no winner', ['eve'], batchId))).toEqual(['sold_out']);
    expect((await stores.claims.resolveBatch('no winner', batchId)).kind).toBe('void');
  });

  it('returns void for a coupon that does not exist', async () => {
    expect((await stores.claims.resolveBatch('nowhere', newId())).kind).toBe('void');
  });

  it('waits for a batch that still runs, and then returns whether it committed', async () => {
    await stores.createCoupon('at work', 10);
    const release = await holdLock('at work');
    const batchId = newId();
    const deciding = patient.decide('at work', ['ada'], batchId);
    await waitForWaiters(1);
    const marking = patient.claims.resolveBatch('at work', batchId);
    await waitForWaiters(2);
    await release();
    expect(outcomesOf(await deciding)).toEqual(['claimed']);
    expect(await marking).toMatchObject({ kind: 'committed' });
  });

  it('refuses its batch after the wait for the lock when it committed meanwhile', async () => {
    await stores.createCoupon('late batch', 10);
    const batchId = newId();
    // The mark holds the lock that the batch waits for, and commits while it waits.
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    const { rows } = await client.query('select settled from resolve_batch($1, $2)', [
      'late batch',
      batchId,
    ]);
    const lateBatch = patient.decide('late batch', ['ada'], batchId);
    await waitForWaiters(1);
    await client.query('commit');
    await client.end();
    expect(rows).toEqual([{ settled: 'void' }]);
    expect(outcomesOf(await lateBatch)).toEqual(['refused: broken']);
    expect(await stores.reader.findClaim('late batch', 'ada')).toBeUndefined();
  });
});

describe("a coupon's row that another session locks", () => {
  it('makes its batches busy within the lock timeout, and leaves other coupons alone', async () => {
    await Promise.all([stores.createCoupon('held', 5), stores.createCoupon('free', 1_000)]);
    const release = await holdLock('held');
    const held = stores.decide('held', ['ada']);
    const free: string[] = [];
    for (const index of range(20))
      free.push(...outcomesOf(await stores.decide('free', [`u${index}`])));
    expect(free).toEqual(range(20).map(() => 'claimed'));
    // Not by the statement timeout, which makes it busy too.
    const lockTimeout = { code: '55P03' };
    expect(await held).toMatchObject({ kind: 'refused', reason: 'busy', cause: lockTimeout });
    await expect(stores.claims.resolveBatch('held', newId())).rejects.toMatchObject({
      reason: 'busy',
    });
    await release();
    expect(outcomesOf(await stores.decide('held', ['ada']))).toEqual(['claimed']);
  });

  it('makes its batches end at the statement timeout without a lock timeout, with nothing stored', async () => {
    await stores.createCoupon('slow', 5);
    const hasty = openStores(database.url, { lockTimeoutMs: 0, statementTimeoutMs: 200 });
    const release = await holdLock('slow');
    expect(outcomesOf(await hasty.decide('slow', ['ada']))).toEqual(['refused: busy']);
    await release();
    await hasty.close();
    expect(await stores.reader.findClaim('slow', 'ada')).toBeUndefined();
  });

  it('leaves a batch in doubt when the server does not answer in time, and a void mark resolves it for good', async () => {
    await stores.createCoupon('silent', 5);
    const deaf = new Database({
      ...{ url: database.url, schema, connectionsMax: 1, connectTimeoutMs: 20_000 },
      ...{ lockTimeoutMs: 0, statementTimeoutMs: 0, answerTimeoutMs: 200 },
      onIdleConnectionLost: () => undefined,
    });
    const store = postgresClaimStore({ forBatches: deaf, forQueries: deaf, nowMs: () => 0 });
    const release = await holdLock('silent');
    const [batchId, claimId] = [newId(), newId()];
    const attempt = { couponName: 'silent', userId: 'ada', claimId, idempotencyKey: undefined };
    const answer = await store.decideBatch({ batchId, couponName: 'silent', commands: [attempt] });
    expect(answer.kind).toBe('unknown');
    // The server still waits for the lock, for a client that is gone: the batch cannot be resolved yet.
    await expect(stores.claims.resolveBatch('silent', batchId)).rejects.toMatchObject({
      reason: 'busy',
    });
    await release();
    const resolution = await stores.claims.resolveBatch('silent', batchId);
    await waitForWaiters(0);
    const held = await stores.reader.findClaim('silent', 'ada');
    expect(held).toEqual(
      resolution.kind === 'void' ? undefined : expect.objectContaining({ claimId }),
    );
    await deaf.close();
  });
});
