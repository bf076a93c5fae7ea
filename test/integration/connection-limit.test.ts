// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConnectionLimit } from '../../src/adapters/postgres/start/connection-limit.ts';
import { withStartConnection } from '../../src/adapters/postgres/start/start-connection.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience, startService } from '../support/service.ts';
import { waitFor } from '../support/wait-for.ts';

const connectionsMax = 20;
const reserved = 3;
const role = `seller_${randomBytes(4).toString('hex')}`;
let postgres: OwnPostgres;
let url: string;

beforeAll(async () => {
  postgres = await startOwnPostgres({ max_connections: String(connectionsMax) });
  await postgres.query(`create role ${role} login password 'secret'`);
  await postgres.query(`create database ${role} owner ${role}`);
  const ours = new URL(postgres.url());
  [ours.username, ours.password, ours.pathname] = [role, 'secret', `/${role}`];
  url = ours.href;
});

afterAll(() => postgres.remove());

const check = (claimConnections: number, queryConnections = 1, processes = 1) =>
  withStartConnection({ url, connectTimeoutMs: 20_000, sleep: systemClock.sleep }, (client) =>
    checkConnectionLimit(client, {
      ...{ claimConnections, queryConnections, processes, jobConnections: 0 },
    }),
  );

describe('a start with few connections', () => {
  it('accepts pools that just fit into the limit', async () => {
    expect(await check(connectionsMax - reserved - 1)).toBeUndefined();
  });

  it('refuses pools that never fit, and does not count the slots of the superuser', async () => {
    await expect(check(connectionsMax - reserved)).rejects.toThrow('this role may have 17\n');
    await expect(check(5, 4, 2)).rejects.toThrow(/may take 18 connections.*\n\(2 processes/);
  });

  it('warns while other sessions hold the connections that the pools may need', async () => {
    const others = Array.from(
      { length: 5 },
      () => new pg.Client({ connectionString: postgres.url() }),
    );
    await Promise.all(others.map((other) => other.connect()));
    try {
      expect(await check(12)).toMatch(
        /of the 17 that the database admits for this role 12 are free/,
      );
      expect(await check(11)).toBeUndefined();
    } finally {
      await Promise.all(others.map((other) => other.end()));
    }
  });

  it('respects the limits of the role and of the database', async () => {
    await postgres.query(`alter role ${role} connection limit 9`);
    await expect(check(9)).rejects.toThrow('this role may have 9\n');
    await postgres.query(`alter role ${role} connection limit -1`);
    await postgres.query(`alter database ${role} connection limit 8`);
    await expect(check(8)).rejects.toThrow('this role may have 8\n');
    // A session in another database does not count against its limit.
    const other = new pg.Client({ connectionString: postgres.url() });
    await other.connect();
    expect(await check(7)).toBeUndefined();
    await other.end();
    await postgres.query(`alter database ${role} connection limit -1`);
  });

  it('fails with advice and leaves no session behind when the pools do not fit', async () => {
    const started = startService({ ...patience, DATABASE_URL: url, WORKERS: '2' });
    await expect(started).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(
        /may take 24 connections, .* have 17\n(.*\n)+.*DATABASE_CLAIM_/,
      ),
    });
    await waitFor('the end of its sessions', async () => {
      const sessions = `select from pg_stat_activity where usename = '${role}'`;
      return (await postgres.query(sessions)).length === 0;
    });
    const app = await startService({ ...patience, DATABASE_URL: url });
    await app.stop();
  });
});

describe('a start behind a pooler', () => {
  it('fails and advises to connect to PostgreSQL directly', async () => {
    const proxy = await FaultProxy.before(url);
    // A pooler sends a process id of its own in its greeting. BackendKeyData: a K, its length of 12, process and secret
    // key.
    proxy.editReply = (piece) => {
      const at = piece.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
      if (at >= 0) piece.writeInt32BE(1, at + 5);
      return piece;
    };
    try {
      await expect(startService({ DATABASE_URL: proxy.urlOf(url) })).rejects.toMatchObject({
        name: 'StartError',
        message: expect.stringMatching(/connection pooler.*\n(.*\n)*Let it lead to PostgreSQL/),
      });
    } finally {
      await proxy.stop();
    }
  });
});
