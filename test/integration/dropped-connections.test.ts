// SPDX-License-Identifier: GPL-3.0-or-later
/** Connections that are given up although they work: those of a server that was demoted, and those that are old. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/adapters/postgres/database.ts';
import { statement } from '../../src/adapters/postgres/statements.ts';
import type { App } from '../../src/app.ts';
import { Crowd, range } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startService } from '../support/service.ts';
import { allAnswer, answersOf, callsOf } from '../support/service-calls.ts';
import { createTestDatabase, schema, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let proxy: FaultProxy;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await FaultProxy.before(database.url);
});

afterEach(async () => {
  proxy.heal();
  for (const end of ends.splice(0).reverse()) await end();
});

afterAll(async () => {
  await proxy.stop();
  await database.drop();
});

/** The backends of the service's sessions. */
async function backends(): Promise<number[]> {
  const rows = await database.query<{ pid: number }>(
    `select pid from pg_stat_activity
     where datname = current_database() and application_name = 'firstcome' order by pid`,
  );
  return rows.map(({ pid }) => pid);
}

function open(options: {
  url?: string;
  connectionsMax?: number;
  connectionLifetimeMs?: number;
  random?: () => number;
}): Database {
  const connections = new Database({
    ...{ url: proxy.urlOf(database.url), schema, connectionsMax: 2, connectTimeoutMs: 20_000 },
    ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000, answerTimeoutMs: 20_000 },
    ...{ onIdleConnectionLost: () => undefined, ...options },
  });
  ends.push(() => connections.close());
  return connections;
}

const findNames = (connections: Database) =>
  connections.run(statement('find-coupon-names'), [['LAUNCH']]);

describe('a server that is demoted without ending its sessions', () => {
  let app: App;
  const crowd = new Crowd();

  afterAll(() => crowd.close());

  /** Makes all sessions of now those of a server in recovery; later ones are on a primary. */
  async function demote(): Promise<number[]> {
    const demoted = await backends();
    await database.query(
      `create or replace function require_primary() returns boolean language plpgsql stable as $$
       begin
         if pg_backend_pid() = any ('{${demoted}}') then
           raise 'demoted' using errcode = '25006';
         end if;
         return true;
       end $$`,
    );
    return demoted;
  }

  it('fails no read, and loses all sessions at the first one', async () => {
    app = await startService({
      DATABASE_URL: database.url,
      STOCK_CHECK_INTERVAL_MS: '0',
    });
    ends.push(() => app.stop());
    const { reads, writes } = callsOf(crowd, app.url);
    await crowd.createCoupon(app.url, 'DEMOTED', 100);
    await crowd.claim(app.url, { couponName: 'DEMOTED', userId: 'ada' });
    const all = { ...reads, ...writes };
    for (const [name, call] of Object.entries(reads)) {
      await answersOf(writes, 'DEMOTED');
      const demoted = await demote();
      expect(demoted.length).toBeGreaterThanOrEqual(2);
      expect((await call('DEMOTED')).status, name).toBe(200);
      await waitFor('end of the sessions', async () => {
        const left = new Set(await backends());
        return !demoted.some((pid) => left.has(pid));
      });
      expect(await answersOf(all, 'DEMOTED')).toEqual(allAnswer(all, 'served'));
    }
    await demote();
    expect((await crowd.send(app.url, { path: '/readyz' })).status).toBe(200);
  });
});

describe('a connection whose lifetime is over', () => {
  it('is ended while it is idle, and the next statement gets a new one', async () => {
    const connections = open({ connectionLifetimeMs: 20 });
    expect(await findNames(connections)).toEqual([]);
    await waitFor('end of the connection', async () => (await backends()).length === 0);
    expect(await findNames(connections)).toEqual([]);
  });

  it('ends after the statement that is under way', async () => {
    // The same for both, so that the time of the one that is used first is over first.
    const connections = open({ connectionLifetimeMs: 50, random: () => 0.5 });
    let isHeld = false;
    proxy.cutWhen = (piece) => {
      if (isHeld || !piece.includes('find-coupon-names')) return undefined;
      isHeld = true;
      return 'hold';
    };
    const held = findNames(connections);
    await waitFor('statement under way', () => proxy.held.length === 1);
    await findNames(connections);
    await waitFor('end of the other one', () => connections.use().total === 1);
    proxy.release();
    expect(await held).toEqual([]);
    await waitFor('end of the connection', () => connections.use().total === 0);
  });

  it('stays where there is no limit', async () => {
    const connections = open({ connectionLifetimeMs: 0, connectionsMax: 1 });
    await findNames(connections);
    const before = await backends();
    const aged = open({ connectionLifetimeMs: 20, connectionsMax: 1 });
    for (const _ of range(3)) {
      await findNames(aged);
      await waitFor('end of the aged one', async () => (await backends()).length === 1);
    }
    await findNames(connections);
    expect(await backends()).toEqual(before);
  });

  it('leaves its place to the next one where the database admits no more than there are', async () => {
    const role = `limited_${new URL(database.url).pathname.slice(1)}`;
    const connectionsMax = 4;
    await database.query(
      `create role ${role} login password 'secret' connection limit ${connectionsMax}`,
    );
    await database.query(`grant usage on schema ${schema} to ${role}`);
    await database.query(`grant select on all tables in schema ${schema} to ${role}`);
    ends.push(async () => {
      await database.query(`drop owned by ${role}`);
      await database.query(`drop role ${role}`);
    });
    const url = new URL(database.url);
    url.username = role;
    url.password = 'secret';
    const connections = open({ url: url.href, connectionsMax, connectionLifetimeMs: 1 });
    const callers = range(2 * connectionsMax).map(async () => {
      for (const _ of range(25)) expect(await findNames(connections)).toEqual([]);
    });
    await Promise.all(callers);
  });
});
