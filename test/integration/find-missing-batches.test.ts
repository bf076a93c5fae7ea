// SPDX-License-Identifier: GPL-3.0-or-later
/** Which acknowledged batches a database lacks: each kind of batch is found as long as it is stored. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newHistoryConnection } from '../../src/adapters/postgres/history/history-connection.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { ClaimCommand } from '../../src/core/claims/claim.ts';
import type { BatchCommand, ClaimStore } from '../../src/core/claims/ports.ts';
import {
  AcknowledgedBatches,
  recordAcknowledged,
} from '../../src/core/history/acknowledged-batches.ts';
import type { HistoryConnection } from '../../src/core/history/ports.ts';
import { change } from '../support/batch-commands.ts';
import { openStores, type Stores } from '../support/stores.ts';
import { usesOf } from '../support/table-uses.ts';
import { createRole, createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let stores: Stores;
let client: pg.Client;
let history: HistoryConnection;
let batches: AcknowledgedBatches;
let store: ClaimStore;

beforeEach(async () => {
  database = await createTestDatabase();
  stores = openStores(database.url);
  batches = new AcknowledgedBatches(Date.now);
  store = recordAcknowledged(stores.claims, batches);
  await connect();
  for (const name of ['ONE', 'TWO']) await stores.createCoupon(name, 100);
});

/** With the name by which `usesOf` finds the sessions of a service. */
async function connect(): Promise<void> {
  client = new pg.Client({ connectionString: database.url, application_name: 'firstcome' });
  await client.connect();
  history = newHistoryConnection(client, 'test/1');
}

afterEach(async () => {
  await stores.close();
  await client.end();
  await database.drop();
});

const claimOf = (couponName: string, userId: string, fields: Partial<ClaimCommand> = {}) => ({
  ...{ couponName, userId, claimId: newId(), idempotencyKey: undefined, ...fields },
});
const ticketed = (userId: string) =>
  claimOf('ONE', userId, { ticket: { acceptedAtMs: Date.now() } });
const changeOf = (...given: Parameters<typeof change>) =>
  ({ ...change(...given), couponName: 'ONE' }) as BatchCommand;
const decide = (commands: readonly BatchCommand[]) =>
  store.decideBatch({ batchId: newId(), couponName: 'ONE', commands });
const missing = async () =>
  (await history.check(batches.list())).missing.map(({ userId }) => userId);

/** What each of them acknowledges, it acknowledges to the user `last`. */
const kinds: [string, () => Promise<unknown>][] = [
  ['a claim', () => decide([claimOf('ONE', 'last')])],
  ['claims together', () => decide([claimOf('ONE', 'first'), claimOf('ONE', 'last')])],
  [
    'a multi-coupon batch',
    () =>
      store.claimMultiCoupon([
        { batchId: newId(), couponName: 'ONE', commands: [claimOf('ONE', 'last')] },
      ]),
  ],
  ['claims with tickets', () => decide([ticketed('first'), ticketed('last')])],
  [
    'a release',
    async () => {
      await stores.decide('ONE', ['last']);
      await decide([changeOf('release', 'last')]);
    },
  ],
  [
    'a claim beside a redeem',
    async () => {
      await stores.decide('ONE', ['first']);
      await decide([changeOf('redeem', 'first'), claimOf('ONE', 'last')]);
    },
  ],
];

describe.each(kinds)('%s', (_, acknowledge) => {
  it('is there, and is missing without its records', async () => {
    await acknowledge();
    expect(batches.count).toBe(1);
    expect(await missing()).toEqual([]);
    await database.query('delete from stock_ledger');
    await database.query('delete from claims');
    await database.query('delete from released_claims');
    expect(await missing()).toEqual(['last']);
  });
});

describe('claims that are answered from an earlier batch', () => {
  it('are there when a ticket comes again', async () => {
    const command = ticketed('ada');
    await stores.claims.decideBatch({ batchId: newId(), couponName: 'ONE', commands: [command] });
    await decide([command, ticketed('bob')]);
    await decide([command]);
    expect(batches.list()).toMatchObject([{ claims: 2 }, { claims: 1 }]);
    expect(await missing()).toEqual([]);
  });

  it('are there when a claim is sent again after a lost answer, also when it is released since', async () => {
    const command = claimOf('ONE', 'ada');
    await stores.claims.decideBatch({ batchId: newId(), couponName: 'ONE', commands: [command] });
    await decide([command]);
    await stores.claims.decideBatch({
      ...{ batchId: newId(), couponName: 'ONE' },
      commands: [changeOf('release', 'ada')],
    });
    expect(await missing()).toEqual([]);
  });

  it('are missing when the position has another claim', async () => {
    await decide([claimOf('ONE', 'ada')]);
    await database.query('delete from stock_ledger');
    await database.query('update claims set claim_id = gen_random_uuid()');
    expect(await missing()).toEqual(['ada']);
  });
});

it('a void mark is no sign of a batch', async () => {
  const batchId = newId();
  await stores.claims.resolveBatch('ONE', batchId);
  batches.add({ batchId, couponName: 'ONE' }, [
    {
      outcome: 'changed',
      claim: {
        ...{ claimId: newId(), couponName: 'ONE', userId: 'ada', position: 1 },
        ...{ claimedAt: '', state: 'confirmed' },
      },
    },
  ]);
  expect(await missing()).toEqual(['ada']);
});

it('a missing batch is stored once, and counts no more once it is accepted', async () => {
  await decide([claimOf('ONE', 'ada')]);
  await database.query('truncate claims, stock_ledger');
  const lost = (await history.check(batches.list())).missing;
  await history.record(lost);
  await history.record(lost);
  expect(await history.check(batches.list())).toMatchObject({ isLossStored: true, missing: lost });
  const [row] = await database.query<{ accepted: number }>(
    `select accept_lost_batches(now(), 'cli', null) as accepted`,
  );
  expect(row?.accepted).toBe(1);
  expect(await history.check(batches.list())).toMatchObject({ isLossStored: false, missing: [] });
  await history.record(lost);
  expect((await history.check([])).isLossStored).toBe(false);
});

it('a reader of a missing batch sees all that were found before it, so that none is accepted unseen', async () => {
  for (const userId of ['ada', 'bob']) await decide([claimOf('ONE', userId)]);
  await database.query('truncate claims, stock_ledger');
  const [ada, bob] = (await history.check(batches.list())).missing;
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  try {
    await client.query('begin');
    await history.record(ada ? [ada] : []);
    const recording = newHistoryConnection(other, 'test/2').record(bob ? [bob] : []);
    const seen = () => database.query('select user_id from lost_batches');
    await waitFor('the other process', async () => {
      const waiting = await database.query(
        `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return waiting.length > 0 || (await seen()).length > 0;
    });
    expect(await seen()).toEqual([]);
    await client.query('commit');
    await recording;
    expect(await database.query('select user_id from lost_batches order by found_at')).toEqual([
      { user_id: 'ada' },
      { user_id: 'bob' },
    ]);
  } finally {
    await other.end();
  }
});

it('the lookup reads no table from end to end', async () => {
  await stores.decide(
    'ONE',
    Array.from({ length: 90 }, (_, index) => `user-${index}`),
  );
  await decide([claimOf('ONE', 'ada')]);
  await decide([claimOf('ONE', 'bob')]);
  await database.query('delete from stock_ledger where first_position > 90');
  await stores.close();
  await client.end();
  const before = await usesOf(database);
  await connect();
  expect(await missing()).toEqual([]);
  await client.end();
  const after = await usesOf(database);
  for (const table of ['stock_ledger', 'claims', 'released_claims', 'coupons', 'lost_batches']) {
    expect(after[table]?.seq_scan, table).toBe(before[table]?.seq_scan);
  }
  await connect();
  stores = openStores(database.url);
});

describe('the identity of a server', () => {
  const read = async (url: string) => {
    const reader = new pg.Client({ connectionString: url, options: '-c search_path=firstcome' });
    await reader.connect();
    const { rows } = await reader.query<{ server: string }>('select server_identity() as server');
    await reader.end();
    return rows[0]?.server;
  };

  it('has its cluster, its timeline and its start', async () => {
    expect(await read(database.url)).toMatch(/^\d{15,}\/[0-9A-F]{8}\/\d+\.\d{6}$/);
    expect(await read(database.url)).toBe(await read(database.url));
  });

  it('lacks what a role may not read, and is still there', async () => {
    const role = await createRole(database);
    try {
      await database.query(`grant usage on schema firstcome to ${role.name}`);
      const all = 'pg_control_system(), pg_current_wal_insert_lsn(), pg_walfile_name(pg_lsn)';
      await database.query(`revoke execute on function ${all} from public`);
      expect(await read(role.urlOn(database.url).href)).toMatch(/^unknown\/unknown\/\d+\.\d{6}$/);
    } finally {
      await role.drop();
    }
  });
});
