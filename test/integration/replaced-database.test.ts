// SPDX-License-Identifier: GPL-3.0-or-later
/** A service and an embedded engine whose URL leads to another database than at the start. */

import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { InstallationWatch } from '../../src/adapters/postgres/installation/installation-watch.ts';
import type { App } from '../../src/app.ts';
import { createFirstcome, type Firstcome } from '../../src/library.ts';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { openPool } from '../support/open-pool.ts';
import { binDirOfProject } from '../support/own-postgres.ts';
import { patience, startService } from '../support/service.ts';
import { openStores } from '../support/stores.ts';
import { migrateDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

/** The databases of one test on the project's server, managed from a connection to another database. */
class Databases {
  readonly name = `replaced_${randomBytes(6).toString('hex')}`;
  readonly url: string;
  private readonly admin: pg.Client;

  private constructor(admin: pg.Client) {
    this.admin = admin;
    const url = new URL(inject('postgresUrl'));
    url.pathname = `/${this.name}`;
    this.url = url.href;
  }

  static async connect(): Promise<Databases> {
    const admin = new pg.Client({ connectionString: inject('postgresUrl') });
    await admin.connect();
    return new Databases(admin);
  }

  urlOf(suffix = ''): string {
    return `${this.url}${suffix}`;
  }

  async create(suffix = '', template = 'firstcome_template'): Promise<void> {
    await this.admin.query(`create database ${this.name}${suffix} template ${template}`);
  }

  async drop(suffix = ''): Promise<void> {
    await this.admin.query(`drop database if exists ${this.name}${suffix} with (force)`);
  }

  /** Renames a database. Its sessions are ended, and no new ones are admitted until it is renamed. */
  async rename(from: string, to: string): Promise<void> {
    const name = `${this.name}${from}`;
    await this.admin.query(`alter database ${name} allow_connections false`);
    await waitFor('end of all sessions', async () => {
      const { rowCount } = await this.admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
        [name],
      );
      return rowCount === 0;
    });
    await this.admin.query(`alter database ${name} rename to ${this.name}${to}`);
    await this.admin.query(`alter database ${this.name}${to} allow_connections true`);
  }

  /** Runs a statement on a new connection, since the name may lead to another database by the next call. */
  async query(sql: string, suffix = ''): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.urlOf(suffix) });
    await client.connect();
    try {
      const results: unknown = await client.query(sql);
      return Array.isArray(results) ? [] : (results as pg.QueryResult).rows;
    } finally {
      await client.end();
    }
  }

  async end(): Promise<void> {
    for (const suffix of ['', '_old', '_new']) await this.drop(suffix);
    await this.admin.end();
  }
}

let databases: Databases;
let app: App | undefined;

beforeEach(async () => {
  databases = await Databases.connect();
  await databases.create();
});

afterEach(async () => {
  await app?.stop();
  app = undefined;
  await databases.end();
});

async function start(env: Record<string, string> = {}): Promise<void> {
  await app?.stop();
  app = undefined;
  app = await startService({ ...patience, DATABASE_URL: databases.url, ...env });
}

async function call(path: string, body?: object, method = body === undefined ? 'GET' : 'POST') {
  const answer = await fetch(`${app?.url}${path}`, {
    ...{ method, body: body === undefined ? null : JSON.stringify(body) },
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text) as Record<string, unknown> };
}

const create = (name: string, amount: number) => call('/api/coupons', { name, amount });
const claim = (name: string, userId: string) =>
  call('/api/coupons/claim', { user_id: userId, coupon_name: name });

const untilRefused = () =>
  waitFor(
    'the service to refuse calls',
    async () => (await call('/health')).body.reason === 'installation_changed',
  );

const untilHealthy = () =>
  waitFor('the service to be healthy', async () => (await call('/health')).status === 200);

const refusal = { status: 503, body: { code: 'unavailable', effect: 'none' } };

/** Every call but the liveness check is refused, and the refusal says why. */
async function expectRefusals(): Promise<void> {
  const calls = [
    () => claim('SALE', 'eve'),
    () => claim('UNKNOWN', 'eve'),
    () => create('OTHER', 1),
    () => call('/api/coupons/SALE', { paused: true }, 'PATCH'),
    () => call('/api/coupons/SALE/stock', { add: 1 }),
    () => call('/api/coupons/SALE'),
    () => call('/api/coupons'),
    () => call('/api/coupons/SALE/claims'),
    () => call('/api/coupons/SALE/claims/ada'),
  ];
  for (const one of calls) {
    const { status, body } = await one();
    expect({ status, body }).toMatchObject(refusal);
    expect(body.detail).toContain('not the one that was there at the start');
  }
  const unhealthy = { status: 'unhealthy', reason: 'installation_changed' };
  expect(await call('/health')).toMatchObject({ status: 503, body: unhealthy });
  expect(await call('/readyz')).toMatchObject({ status: 503, body: unhealthy });
  expect(await call('/livez')).toEqual({ status: 200, body: { status: 'alive' } });
}

/** Creates a coupon with one unit, which ada claims. */
async function sellOne(): Promise<void> {
  expect((await create('SALE', 1)).status).toBe(201);
  expect((await claim('SALE', 'ada')).status).toBe(200);
}

/** Replaces the installation in use by another one, in one commit, while connections stay open. */
async function replaceTables(): Promise<void> {
  await migrateDatabase(databases.url, { schema: 'other', newInstallation: true });
  await swapTables();
}

const swapTables = () =>
  databases.query(`begin;
    alter schema firstcome rename to aside;
    alter schema other rename to firstcome;
    alter schema aside rename to other;
    commit`);

describe('a service', () => {
  it('refuses claims and reads when another installation takes the name of its database, and continues when its own is back', async () => {
    await start();
    await sellOne();
    await databases.create('_new', 'template1');
    await migrateDatabase(databases.urlOf('_new'));
    await databases.rename('', '_old');
    await databases.rename('_new', '');
    await untilRefused();
    await expectRefusals();
    expect(await databases.query('select from coupons')).toEqual([]);

    await databases.rename('', '_new');
    await databases.rename('_old', '');
    await untilHealthy();
    expect((await claim('SALE', 'ada')).status).toBe(409);
  });

  it('refuses claims and reads when a copy of its database takes its name, and a restart accepts the copy', async () => {
    await start();
    await sellOne();
    await databases.rename('', '_old');
    await databases.create('', `${databases.name}_old`);
    await untilRefused();
    await expectRefusals();

    await start();
    expect(await call('/health')).toMatchObject({ status: 200, body: { status: 'healthy' } });
    expect((await claim('SALE', 'ada')).status).toBe(409);
    expect((await claim('SALE', 'eve')).body.code).toBe('sold_out');
  });

  it('refuses claims and reads when its database is dropped and created again, empty and then with another installation', async () => {
    await start();
    await sellOne();
    await databases.drop();
    await waitFor(
      'the service to be unhealthy',
      async () => (await call('/health')).status === 503,
    );
    expect((await call('/health')).body).not.toHaveProperty('reason');
    await databases.create('', 'template1');
    await untilRefused();
    await expectRefusals();
    await migrateDatabase(databases.url);
    await expectRefusals();
    expect(await databases.query('select from coupons')).toEqual([]);

    await start();
    await sellOne();
  });

  it('refuses claims and reads when its tables are replaced while its connections stay open', async () => {
    await start();
    await sellOne();
    await replaceTables();
    await untilRefused();
    await expectRefusals();
    expect(await databases.query('select from firstcome.claims')).toEqual([]);
  });

  it('refuses claims and reads when its tables are restored from a copy while its connections stay open', async () => {
    await start();
    await sellOne();
    await databases.query(`begin;
      alter table coupons rename to coupons_before;
      create table coupons (like coupons_before including all);
      insert into coupons overriding system value select * from coupons_before;
      commit`);
    await untilRefused();
    await expectRefusals();
  });

  it('answers nothing from its caches when its database is replaced', async () => {
    await start();
    await sellOne();
    await waitFor('the sold-out cache', async () => {
      expect((await claim('SALE', 'eve')).body.code).toBe('sold_out');
      const metrics = await (await fetch(`${app?.url}/metrics`)).text();
      return /^firstcome_sold_out_coupons 1$/m.test(metrics);
    });
    await replaceTables();
    await untilRefused();
    await expectRefusals();
    const metrics = await (await fetch(`${app?.url}/metrics`)).text();
    expect(metrics).toMatch(/^firstcome_sold_out_coupons 0$/m);
    expect(metrics).toMatch(/^firstcome_database_up 0$/m);
  });
});

it('a service continues through changes of its role and database that affect its sessions', async () => {
  await start();
  await sellOne();
  await databases.query('create schema evil');
  await databases.query('create table evil.coupons (like firstcome.coupons)');
  await databases.query(`alter database ${databases.name} set search_path = evil`);
  await databases.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  await waitFor('a decided claim', async () => (await claim('SALE', 'ada')).status === 409);
  expect((await call('/health')).status).toBe(200);
});

it('a service whose role may not read the identifier of the cluster still identifies its installation', async () => {
  const role = `guest_${databases.name}`;
  await databases.query(`create role ${role}`);
  try {
    await databases.query(`revoke execute on function pg_control_system() from public`);
    await databases.query(`grant usage on schema firstcome to ${role}`);
    await databases.query(`grant select on firstcome.installation to ${role}`);
    const client = new pg.Client({ connectionString: databases.url });
    await client.connect();
    await client.query(`set role ${role}`);
    await client.query('set search_path to firstcome');
    const { rows } = await client.query('select installation_identity() as identity');
    await client.end();
    const [row] = await databases.query('select id from firstcome.installation');
    expect(rows[0].identity).toMatch(new RegExp(`^${row?.id}/unknown/\\d+/\\d+$`));
  } finally {
    await databases.query(`drop owned by ${role}`);
    await databases.query(`drop role ${role}`);
  }
});

it('a claim and a read get the same reason when a new connection finds another installation', async () => {
  await migrateDatabase(databases.url);
  for (const first of ['claim', 'read']) {
    const installation = new InstallationWatch({ identity: 'before', warn: () => undefined });
    const stores = openStores(databases.url, { installation });
    const detail =
      'the database is not the one that was there at the start: it was replaced or restored';
    const refused = { kind: 'refused', reason: 'not_sent', detail };
    if (first === 'claim') expect(await stores.decide('SALE', ['ada'])).toMatchObject(refused);
    await expect(stores.coupons.readCoupons(['SALE'])).rejects.toMatchObject({ detail });
    expect(await stores.decide('SALE', ['ada'])).toMatchObject(refused);
    await stores.close();
  }
});

describe('an embedded engine', () => {
  let pool: pg.Pool;
  let engine: Firstcome | undefined;
  let warnings: string[];

  beforeEach(() => {
    pool = openPool({ connectionString: databases.url });
    warnings = [];
  });

  afterEach(async () => {
    await engine?.stop();
    engine = undefined;
    await pool.end();
  });

  const startEngine = async () => {
    const logger = { warn: (_: object, message: string) => warnings.push(message) };
    engine = await createFirstcome({ pool, logger });
    return engine;
  };

  it('refuses calls when its tables are replaced, warns once, and continues when they are back', async () => {
    const { createCoupon, claim: take, readCoupon, listClaims } = await startEngine();
    await createCoupon({ name: 'SALE', amount: 1 });
    const command = { couponName: 'SALE', userId: 'ada' };
    expect(await take(command)).toMatchObject({ outcome: 'claimed' });
    await replaceTables();
    const isRefused = () =>
      take(command).then(
        () => false,
        ({ code }) => code === 'unavailable',
      );
    await waitFor('the engine to refuse calls', isRefused);
    for (const later of [
      () => take(command),
      () => createCoupon({ name: 'NEW', amount: 1 }),
      () => readCoupon('SALE'),
      () => listClaims({ couponName: 'SALE' }),
    ]) {
      await expect(later()).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(warnings).toEqual([expect.stringContaining('is not the one of the start')]);
    await swapTables();
    await waitFor('the engine to continue', () =>
      take(command).then(
        ({ outcome }) => outcome === 'already_claimed',
        () => false,
      ),
    );
    expect(warnings.slice(1)).toEqual([expect.stringContaining('the one of the start again')]);
  });
});

describe('behind a proxy that leads to another server', () => {
  let folder: string;
  let servers: PostgresServer[];
  let proxy: FaultProxy;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firstcome-other-'));
    await chmod(folder, 0o755);
    const found = await findInstallation(folder);
    const installation = { ...found, binDir: (await binDirOfProject()) ?? found.binDir };
    servers = [];
    for (const name of ['one', 'two']) {
      servers.push(await PostgresServer.create(installation, join(folder, name)));
    }
    proxy = await FaultProxy.before(servers[0]?.url() ?? '');
  });

  afterEach(async () => {
    await app?.stop();
    app = undefined;
    await proxy.stop();
    for (const server of servers) await server.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('a service refuses claims and reads after the first new connection, though older ones stay open, and continues when the proxy leads back', async () => {
    const [one, two] = servers.map((server) => server.url()) as [string, string];
    // The duties, which run at once, open some of these connections.
    await start({ DATABASE_URL: proxy.urlOf(one), DATABASE_QUERY_CONNECTIONS: '16' });
    await sellOne();
    await migrateDatabase(two);
    proxy.leadTo(two);
    // Separate reads, which need more connections than are open.
    await waitFor('the service to refuse calls', async () => {
      const answers = await Promise.all(Array.from({ length: 16 }, () => call('/api/coupons')));
      return answers.every(({ status }) => status === 503);
    });
    await expectRefusals();
    // Each health check opens a new connection: an old one would show the right database.
    for (let look = 0; look < 5; look += 1) {
      expect((await call('/health')).body.reason).toBe('installation_changed');
    }
    await expectRefusals();
    proxy.leadTo(one);
    await untilHealthy();
    expect((await claim('SALE', 'ada')).status).toBe(409);
    expect(await servers[1]?.query('select from coupons')).toEqual([]);
  });
});
