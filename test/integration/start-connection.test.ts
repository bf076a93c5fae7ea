// SPDX-License-Identifier: GPL-3.0-or-later
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type StartConnection,
  withStartConnection,
} from '../../src/adapters/postgres/start/start-connection.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { patience, startService } from '../support/service.ts';
import {
  createRole,
  createTestDatabase,
  type TestDatabase,
  type TestRole,
} from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let database: TestDatabase;
let role: TestRole;
let proxy: FaultProxy;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  role = await createRole(database);
  url = role.urlOn(database.url).href;
});

afterAll(async () => {
  await role.drop();
  await database.drop();
});

beforeEach(async () => {
  proxy = await FaultProxy.before(url);
});

afterEach(() => proxy.stop());

type Start = { result: Promise<unknown>; waits: string[]; works: number };

/** A start whose work ends at once by default. `onWait` is called with the first reason to wait. */
function start(
  options: Partial<StartConnection>,
  onWait: (reason: string) => Promise<unknown> | undefined = () => undefined,
  work: (client: pg.Client, count: number) => Promise<unknown> = async () => 'done',
): Start {
  const started: Start = { result: Promise.resolve(), waits: [], works: 0 };
  let repaired: Promise<unknown> | undefined;
  const running = withStartConnection(
    {
      ...{ url: proxy.urlOf(url), connectTimeoutMs: 20_000, waitMs: 60_000 },
      sleep: systemClock.sleep,
      ...options,
      onWait(reason) {
        started.waits.push(reason);
        repaired ??= onWait(reason);
      },
    },
    (client) => {
      started.works += 1;
      return work(client, started.works);
    },
  );
  started.result = running.finally(() => repaired);
  return started;
}

describe('a start waits for a database', () => {
  it('a start waits for a database that refuses connections', async () => {
    await proxy.refuse();
    const { result, waits } = start({}, () => proxy.accept());
    expect(await result).toBe('done');
    expect(waits).toEqual([expect.stringContaining('ECONNREFUSED')]);
  });

  it('a start waits for a database whose name is unknown yet', async () => {
    const stop = new AbortController();
    // Two dots make the name invalid, so that no name server is queried, which may be slow to fail.
    const { result, waits } = start(
      { url: 'postgres://no-such-host..invalid/sale', signal: stop.signal },
      async () => stop.abort('seen'),
    );
    await expect(result).rejects.toBe('seen');
    expect(waits).toEqual([expect.stringContaining('getaddrinfo')]);
  });

  it('a start waits for a database that closes connections before its greeting', async () => {
    proxy.cutWhen = () => 'before';
    const { result, waits } = start({}, async () => proxy.heal());
    expect(await result).toBe('done');
    expect(waits).toHaveLength(1);
    expect(waits[0]).toMatch(/ECONNRESET|terminated unexpectedly/);
  });

  it('a start waits for a database that accepts connections and does not answer', async () => {
    proxy.blackHole(true);
    const { result, waits } = start({ connectTimeoutMs: 1_000 }, async () => proxy.heal());
    expect(await result).toBe('done');
    expect(waits[0]).toBe('it did not answer within 1 s');
  });

  it('a start waits for a database that does not answer in the remaining time, which the reason rounds', async () => {
    proxy.blackHole(true);
    const { result } = start({ connectTimeoutMs: 333.333, waitMs: 0 });
    await expect(result).rejects.toThrow(/it did not answer within 0\.3 s$/m);
  });

  it('a start waits for a database that sends its greeting and then does not answer', async () => {
    proxy.cutWhen = (piece) => (piece.includes('pg_is_in_recovery') ? 'silence' : undefined);
    const { result, waits } = start({ connectTimeoutMs: 3_000 }, async () => proxy.heal());
    expect(await result).toBe('done');
    expect(waits[0]).toBe('it did not answer within 3 s');
  });

  it('a start waits for a database that admits no more connections', async () => {
    await database.query(`alter role ${role.name} connection limit 0`);
    const { result, waits } = start({}, () =>
      database.query(`alter role ${role.name} connection limit -1`),
    );
    expect(await result).toBe('done');
    expect(waits).toEqual([expect.stringMatching(/^too many connections for role/)]);
  });

  it('a start waits for a database whose transactions are read-only', async () => {
    await database.query(`alter role ${role.name} set default_transaction_read_only = on`);
    const { result, waits } = start({}, () =>
      database.query(`alter role ${role.name} reset default_transaction_read_only`),
    );
    expect(await result).toBe('done');
    expect(waits).toEqual(['its transactions are read-only']);
  });

  it.each([
    [
      'ends the session',
      (client: pg.Client) => client.query('select pg_terminate_backend(pg_backend_pid())'),
    ],
    [
      'is cut off',
      (client: pg.Client) => {
        proxy.breakAll();
        return client.query('select 1');
      },
    ],
  ])(
    'a start waits for a database that %s during the work, and the work starts again',
    async (_how, lose) => {
      const started = start({}, undefined, async (client, count) => {
        if (count === 1) await lose(client);
        return 'done again';
      });
      expect(await started.result).toBe('done again');
      expect(started.works).toBe(2);
      expect(started.waits).toHaveLength(1);
    },
  );

  it('a start waits for a database that freezes during the work, and the work starts again', async () => {
    const started = start(
      { connectTimeoutMs: 500 },
      async () => proxy.heal(),
      async (client, count) => {
        proxy.blackHole(count === 1);
        await client.query('select 1');
        return 'done again';
      },
    );
    expect(await started.result).toBe('done again');
    expect(started.works).toBe(2);
    expect(started.waits[0]).toBe('it stopped answering');
  });
});

it('a start lets a statement of its work take long while the server answers', async () => {
  let checks = 0;
  // The first message of a connection has its application name.
  proxy.cutWhen = (piece) => {
    if (piece.includes('firstcome check')) checks += 1;
    return undefined;
  };
  const { result } = start({ connectTimeoutMs: 1_000 }, undefined, async (client) => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('select pg_advisory_lock(1)');
    const waiting = client.query('select pg_advisory_lock(1)');
    await waitFor('several checks of the server', () => checks > 3);
    await holder.end();
    await waiting;
    return 'done';
  });
  expect(await result).toBe('done');
});

describe('a start does not wait', () => {
  it.each([
    [
      'a wrong password',
      (given: URL) => (given.password = 'sesame'),
      /password authentication failed/,
    ],
    ['an unknown database', (given: URL) => (given.pathname = '/missing'), /does not exist/],
    [
      'an unknown setting',
      (given: URL) => (given.search = '?options=-c%20nothing=1'),
      /unrecognized configuration parameter/,
    ],
  ])('a start fails at once after %s', async (_what, change, message) => {
    const changed = new URL(url);
    change(changed);
    const { result, waits } = start({ url: changed.href });
    await expect(result).rejects.toMatchObject({ name: 'StartError' });
    await expect(result).rejects.toThrow(message);
    expect(waits).toEqual([]);
  });

  it('a start fails at once with a wait of 0', async () => {
    await proxy.refuse();
    const { result, waits } = start({ waitMs: 0 });
    await expect(result).rejects.toThrow(/ECONNREFUSED/);
    await expect(result).rejects.not.toThrow(/Waited/);
    expect(waits).toEqual([]);
  });

  it('a start fails at once after an error of a statement', async () => {
    const started = start({}, undefined, (client) => client.query('select 1 / 0'));
    await expect(started.result).rejects.toMatchObject({ name: 'StartError' });
    expect(started).toMatchObject({ works: 1, waits: [] });
  });

  it('a start fails at once after a bug in its own work', async () => {
    const bug = new TypeError('a bug');
    const started = start({}, undefined, () => Promise.reject(bug));
    await expect(started.result).rejects.toBe(bug);
  });
});

describe('a start that is aborted', () => {
  it('a start that is aborted while it waits rejects with the reason of the abort', async () => {
    await proxy.refuse();
    const stop = new AbortController();
    const { result } = start({ signal: stop.signal, waitMs: 600_000 }, async () =>
      stop.abort('now'),
    );
    await expect(result).rejects.toBe('now');
  });

  it('a start that is aborted while it connects rejects at once', async () => {
    proxy.blackHole(true);
    const stop = new AbortController();
    const { result } = start({ signal: stop.signal, connectTimeoutMs: 600_000 });
    const untilOpen = setInterval(() => proxy.openLinks > 0 && stop.abort('now'), 10);
    await expect(result).rejects.toBe('now');
    clearInterval(untilOpen);
  });

  it('a start that is aborted while it works rejects at once', async () => {
    const stop = new AbortController();
    const { result } = start({ signal: stop.signal }, undefined, (client) => {
      const working = client.query('select pg_sleep(600)');
      stop.abort('now');
      return working;
    });
    await expect(result).rejects.toBe('now');
  });
});

it('a start looks up names in the catalogs only, whatever search path the URL sets', async () => {
  await database.query(`create schema other authorization ${role.name}`);
  await database.query(
    'create function other.pg_is_in_recovery() returns boolean language sql return true',
  );
  await database.query(
    `create function other.set_config(text, text, boolean) returns text language sql return 'x'`,
  );
  const misled = new URL(proxy.urlOf(url));
  misled.searchParams.set('options', '-c search_path=other,pg_catalog');
  const { result } = start({ url: misled.href, waitMs: 0 }, undefined, async (client) => {
    const { rows } = await client.query('show search_path');
    return rows;
  });
  expect(await result).toEqual([{ search_path: 'pg_catalog, pg_temp' }]);
  await database.query('drop schema other cascade');
});

it("a start ignores the role's limits on statements and locks", async () => {
  // A migration may take long, and so may the wait for one that another process runs.
  await database.query(`alter role ${role.name} set statement_timeout = 77`);
  await database.query(`alter role ${role.name} set lock_timeout = 88`);
  const limited = new URL(proxy.urlOf(url));
  limited.searchParams.set('options', '-c idle_in_transaction_session_timeout=99');
  const names = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
  const { result } = start({ url: limited.href }, undefined, async (client) => {
    const { rows } = await client.query(
      'select current_setting(name) as setting from unnest($1::text[]) as name',
      [names],
    );
    return rows;
  });
  expect(await result).toEqual(names.map(() => ({ setting: '0' })));
  await database.query(`alter role ${role.name} reset all`);
});

it('a start waits no longer than its limit in all, and its error has the last reason', async () => {
  await proxy.refuse();
  const service = startService({
    ...{ ...patience, DATABASE_URL: proxy.urlOf(database.url), DATABASE_WAIT_MS: '300' },
  });
  await expect(service).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringMatching(
      /ECONNREFUSED[\s\S]*\nWaited 0.3 s for it \(DATABASE_WAIT_MS\)\.\nCheck/,
    ),
  });
});

it('a start uses one connection for all of its preparations', async () => {
  let connections = 0;
  // The first message of a connection names its user.
  proxy.cutWhen = (piece) => {
    if (piece.includes('firstcome start')) connections += 1;
    return undefined;
  };
  const app = await startService({ ...patience, DATABASE_URL: proxy.urlOf(database.url) });
  await app.stop();
  expect(connections).toBe(1);
});
