// SPDX-License-Identifier: GPL-3.0-or-later
/** Working connections are ended when their server was demoted or when their lifetime is over. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { statement } from '../../src/adapters/postgres/statements.ts';
import type { App } from '../../src/app.ts';
import { Crowd, range } from '../support/crowd.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openDatabase } from '../support/open-database.ts';
import { startService } from '../support/service.ts';
import { allAnswer, answersOf, callsOf } from '../support/service-calls.ts';
import {
  createRole,
  createTestDatabase,
  schema,
  type TestDatabase,
} from '../support/test-database.ts';
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
  const connections = openDatabase({ url: proxy.urlOf(database.url) }, options);
  ends.push(() => connections.close());
  return connections;
}

const findNames = (connections: Database) =>
  connections.run(statement('find-coupon-names'), [['LAUNCH']]);

describe('a server that is demoted without ending its sessions', () => {
  let app: App;
  const crowd = new Crowd();

  afterAll(() => crowd.close());

  /** Makes all current sessions behave as on a server in recovery; later ones are on a primary. */
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

  it('a server that is demoted without ending its sessions fails no read, and the first read ends all sessions', async () => {
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
      await waitFor('the end of the sessions', async () => {
        const left = new Set(await backends());
        return !demoted.some((pid) => left.has(pid));
      });
      expect(await answersOf(all, 'DEMOTED')).toEqual(allAnswer(all, 'served'));
    }
    await demote();
    expect((await crowd.send(app.url, { path: '/readyz' })).status).toBe(200);
  });
});

describe('a connection at the end of its lifetime', () => {
  it('a connection at the end of its lifetime is ended while idle, and the next statement gets a new one', async () => {
    const connections = open({ connectionLifetimeMs: 20 });
    expect(await findNames(connections)).toEqual([]);
    await waitFor('the end of the connection', async () => (await backends()).length === 0);
    expect(await findNames(connections)).toEqual([]);
  });

  it('a connection at the end of its lifetime ends after its running statement', async () => {
    // Both have the same lifetime, so the one that is used first ends first.
    const connections = open({ connectionLifetimeMs: 50, random: () => 0.5 });
    let isHeld = false;
    proxy.cutWhen = (piece) => {
      if (isHeld || !piece.includes('find-coupon-names')) return undefined;
      isHeld = true;
      return 'hold';
    };
    const held = findNames(connections);
    await waitFor('the running statement', () => proxy.held.length >= 1);
    await findNames(connections);
    await waitFor('the end of the other connection', () => connections.usage().total <= 1);
    proxy.release();
    expect(await held).toEqual([]);
    await waitFor('the end of the connection', () => connections.usage().total === 0);
  });

  it('a connection without a lifetime stays open', async () => {
    const connections = open({ connectionLifetimeMs: 0, connectionsMax: 1 });
    await findNames(connections);
    const before = await backends();
    const aged = open({ connectionLifetimeMs: 20, connectionsMax: 1 });
    for (const _ of range(3)) {
      await findNames(aged);
      await waitFor(
        'the end of the connection with a lifetime',
        async () => (await backends()).length <= 1,
      );
    }
    await findNames(connections);
    expect(await backends()).toEqual(before);
  });

  it('a connection at the end of its lifetime frees its slot before the next one opens, when the database admits no more connections', async () => {
    const connectionsMax = 4;
    const role = await createRole(database, `connection limit ${connectionsMax}`);
    ends.push(() => role.drop());
    await database.query(`grant usage on schema ${schema} to ${role.name}`);
    await database.query(`grant select on all tables in schema ${schema} to ${role.name}`);
    const { href: url } = role.urlOn(database.url);
    const connections = open({ url, connectionsMax, connectionLifetimeMs: 1 });
    const callers = range(2 * connectionsMax).map(async () => {
      for (const _ of range(25)) expect(await findNames(connections)).toEqual([]);
    });
    await Promise.all(callers);
  });
});
