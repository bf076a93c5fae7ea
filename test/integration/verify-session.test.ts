// SPDX-License-Identifier: GPL-3.0-or-later
/** A new connection is verified before its first use, both from the service's pool and from a host's pool. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Database, DatabaseOptions } from '../../src/adapters/postgres/database.ts';
import { statement } from '../../src/adapters/postgres/statements.ts';
import { migrate } from '../../src/library.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openDatabase } from '../support/open-database.ts';
import { openPool } from '../support/open-pool.ts';
import { ReplicatedPostgres } from '../support/replicated-postgres.ts';
import { migrateDatabase, schema } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let pair: ReplicatedPostgres;
let proxy: FaultProxy;
let pool: pg.Pool | undefined;
let connections: Database | undefined;

beforeAll(async () => {
  pair = await ReplicatedPostgres.start();
  await migrateDatabase(pair.primary.url());
  await pair.untilSame();
  proxy = await FaultProxy.before(pair.primary.url());
});

afterEach(async () => {
  proxy.heal();
  proxy.leadTo(pair.primary.url());
  await connections?.close();
  connections = undefined;
  await pool?.end();
  pool = undefined;
});

afterAll(async () => {
  await proxy?.stop();
  await pair?.remove();
});

function open(kind: 'own' | 'lent', options: Partial<DatabaseOptions> = {}): Database {
  const url = proxy.urlOf(pair.primary.url());
  if (kind === 'lent') {
    pool = openPool({ connectionString: url });
  }
  connections = openDatabase(pool === undefined ? { url } : { hostPool: pool }, {
    connectionsMax: 1,
    ...options,
  });
  return connections;
}

// A statement that works on a standby.
const readSettings = (database: Database) => database.run(statement('read-durability'), []);

const openSessions = async () =>
  (
    await pair.standby.query(
      `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
    )
  ).length;

describe.each(['own', 'lent'] as const)('a new connection (%s)', (kind) => {
  it('a new connection to a standby is ended before it runs any statement', async () => {
    proxy.leadTo(pair.standby.url());
    const database = open(kind);
    await expect(readSettings(database)).rejects.toMatchObject({
      ...{ name: 'DatabaseFault', reason: 'not_sent', effect: 'none', code: '25006' },
      cause: { message: expect.stringContaining('not a writable primary') },
    });
    await waitFor('the end of the session', async () => (await openSessions()) === 0);
    proxy.leadTo(pair.primary.url());
    await waitFor('an answer', async () => (await readSettings(database)).length >= 1);
  });

  it('a new connection is not opened shortly after another one was rejected', async () => {
    proxy.leadTo(pair.standby.url());
    let checks = 0;
    proxy.cutWhen = (piece) => {
      if (piece.includes('pg_is_in_recovery')) checks += 1;
      return undefined;
    };
    const database = open(kind);
    const reject = () => expect(readSettings(database)).rejects.toMatchObject({ code: '25006' });
    await reject();
    for (let again = 1; again <= 100; again += 1) await reject();
    expect(checks).toBe(1);
  });

  it('a new connection to a read-only server is accepted for reads and rejected for batches', async () => {
    const [database, url] = ['read_only', proxy.urlOf(pair.primary.url('read_only'))];
    await pair.primary.query(`create database ${database}`);
    await migrateDatabase(pair.primary.url(database));
    await pair.primary.query(`alter database ${database} set default_transaction_read_only = on`);
    try {
      const place = () => {
        if (kind === 'own') return { url };
        pool = openPool({ connectionString: url });
        return { hostPool: pool };
      };
      const forQueries = open(kind, place());
      expect(await readSettings(forQueries)).toHaveLength(1);
      await forQueries.close();
      await pool?.end();
      const forBatches = open(kind, { ...place(), session: { writes: true } });
      await expect(readSettings(forBatches)).rejects.toMatchObject({
        reason: 'not_sent',
        cause: { message: expect.stringContaining('read-only') },
      });
    } finally {
      await pair.primary.query(`drop database ${database} with (force)`);
    }
  });

  it('a new connection is ended when the server does not answer the check in time', async () => {
    proxy.cutWhen = (piece) => (piece.includes('pg_is_in_recovery') ? 'silence' : undefined);
    const database = open(kind, { connectTimeoutMs: 2_000 });
    await expect(readSettings(database)).rejects.toMatchObject({
      reason: 'not_sent',
      cause: { message: 'the server did not answer within 2000 ms' },
    });
    expect(proxy.cuts.silence).toBeGreaterThan(0);
  });
});

it('the audit takes no dump from a standby', async () => {
  const dumpOf = (url: string) => takeDump({ config: { connectionString: url }, schema });
  expect(await dumpOf(pair.primary.url())).toMatchObject({ dump: 'firstcome', coupons: [] });
  await expect(dumpOf(pair.standby.url())).rejects.toThrow('it is a standby');
});

it('a migration refuses a standby and says where to run it', async () => {
  await pair.primary.query('create database fresh');
  await pair.untilSame();
  await expect(migrateDatabase(pair.standby.url('fresh'))).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringMatching(/it is in recovery, .*\nLet DATABASE_URL lead to the server/),
  });
  pool = openPool({ connectionString: pair.standby.url('fresh') });
  await expect(migrate({ pool })).rejects.toMatchObject({
    name: 'StartError',
    message: expect.stringMatching(/read-only transaction\nMigrate on the primary/),
  });
});
