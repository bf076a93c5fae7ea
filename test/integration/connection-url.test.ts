// SPDX-License-Identifier: GPL-3.0-or-later
/** The parameters of a connection URL, tried on a real server. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { driverPool } from '../../src/adapters/postgres/connections/connection-source.ts';
import { withStartConnection } from '../../src/adapters/postgres/start/start-connection.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience, startService } from '../support/service.ts';

let folder: string;
let postgres: OwnPostgres;
let parts: { host: string; port: string; user: string; password: string; database: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-url-'));
  await chmod(folder, 0o777);
  postgres = await startOwnPostgres({ unix_socket_directories: folder });
  const { hostname, port, username, password, pathname } = new URL(postgres.url());
  const database = pathname.slice(1);
  parts = { host: hostname, port, user: username, password, database };
});

afterAll(async () => {
  await postgres.remove();
  await rm(folder, { recursive: true, force: true });
});

type Session = Record<'database' | 'user' | 'port' | 'address' | 'name' | 'zone', string | null>;

const lookAround = `select current_database() as database, current_user as user,
  inet_server_port()::text as port, host(inet_server_addr()) as address,
  current_setting('application_name') as name, current_setting('TimeZone') as zone`;

const session = (url: string) =>
  withStartConnection(
    { url, connectTimeoutMs: 20_000, sleep: systemClock.sleep },
    async (client) => (await client.query<Session>(lookAround)).rows[0],
  );

const overTcp = () => ({
  ...{ database: parts.database, user: parts.user, port: parts.port, address: '127.0.0.1' },
});

describe('a connection URL', () => {
  it('a connection URL has the same effect with its parameters before or in the query', async () => {
    const { host, port, user, password, database } = parts;
    expect(await session(`postgres://${user}:${password}@${host}:${port}/${database}`)).toEqual({
      ...{ ...overTcp(), name: 'firstcome start', zone: expect.anything() },
    });
    const query = `host=${host}&port=${port}&user=${user}&password=${password}&dbname=${database}`;
    expect(await session(`postgres://other@other.example:1/other?${query}`)).toMatchObject(
      overTcp(),
    );
  });

  it.each(['as the host', 'in the query'])(
    'connects to a socket that it names %s',
    async (where) => {
      const { port, user, password, database } = parts;
      const url =
        where === 'in the query'
          ? `postgres:///${database}?host=${folder}&port=${port}&user=${user}&password=${password}`
          : `postgres://${user}:${password}@${encodeURIComponent(folder)}:${port}/${database}`;
      expect(await session(url)).toMatchObject({ database, user, port: null, address: null });
      const app = await startService({ ...patience, DATABASE_URL: `${url}` });
      expect((await fetch(`${app.url}/health`)).status).toBe(200);
      await app.stop();
    },
  );

  it('a connection URL names the sessions, and sets what the service does not set', async () => {
    const url = `${postgres.url()}?application_name=shop%20one&options=-c%20TimeZone%3DAsia%2FTokyo%20-c%20geqo%3Doff`;
    expect(await session(url)).toMatchObject({ name: 'shop one', zone: 'Asia/Tokyo' });
    const connections = driverPool(
      { url, schema: 'firstcome' },
      {
        ...{ connectionsMax: 1, connectTimeoutMs: 20_000 },
        ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000 },
      },
      { onOpened: () => undefined, onIdleLost: () => undefined, onMoved: () => undefined },
    );
    const client = await connections.connect();
    const { rows } = await client.query(
      `select current_setting('application_name') as name, current_setting('TimeZone') as zone,
         current_setting('geqo') as geqo`,
    );
    expect(rows).toEqual([{ name: 'shop one', zone: 'UTC', geqo: 'off' }]);
    connections.release(client, true);
    await connections.end();
  });

  it.each(['any', 'read-write', 'primary'])('accepts target_session_attrs=%s', async (wanted) => {
    expect(await session(`${postgres.url()}?target_session_attrs=${wanted}`)).toMatchObject(
      overTcp(),
    );
  });
});
