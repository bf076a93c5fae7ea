// SPDX-License-Identifier: GPL-3.0-or-later
import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { driverPool } from '../../src/adapters/postgres/connections/connection-source.ts';
import { withStartConnection } from '../../src/adapters/postgres/start/start-connection.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { type Certificate, makeAuthority, makeCertificate } from '../support/certificates.ts';
import { type OwnPostgres, startOwnPostgres } from '../support/own-postgres.ts';
import { patience, startService } from '../support/service.ts';
import { endServiceProcesses, runToEnd } from '../support/service-process.ts';
import { migrateDatabase, schema } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;
let postgres: OwnPostgres;
let authority: Certificate;
let stranger: Certificate;
let usual: Certificate;
let dataFolder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-tls-'));
  authority = makeAuthority(folder, 'authority');
  stranger = makeAuthority(folder, 'stranger');
  usual = makeCertificate(folder, authority, { name: 'usual' });
  postgres = await startOwnPostgres({});
  await migrateDatabase(postgres.url());
  const [row] = await postgres.query<{ folder: string }>('show data_directory');
  dataFolder = Object.values(row ?? {})[0] ?? '';
  await present(usual);
});

afterAll(async () => {
  await postgres.remove();
  await rm(folder, { recursive: true, force: true });
});

afterEach(endServiceProcesses);

/** Options of a client that accepts any certificate. */
async function withTls<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: postgres.url(),
    ssl: { rejectUnauthorized: false },
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Gives the server this certificate, and waits until it uses it. */
async function present({ cert, key }: Certificate): Promise<void> {
  const { uid, gid } = await stat(dataFolder);
  for (const [from, to] of [
    [cert, 'server.crt'],
    [key, 'server.key'],
    [authority.cert, 'root.crt'],
  ] as const) {
    const path = join(dataFolder, to);
    await copyFile(from, path);
    await chown(path, uid, gid);
    await chmod(path, 0o600);
  }
  await postgres.query('alter system set ssl = on');
  await postgres.query(`alter system set ssl_ca_file = 'root.crt'`);
  await postgres.query('select pg_reload_conf()');
  const expected = (await readFile(cert, 'utf8')).replaceAll(/-----.*-----|\s/g, '');
  await waitFor('the new certificate of the server', () =>
    withTls(async (client) => {
      const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection;
      return stream.getPeerCertificate().raw.toString('base64') === expected;
    }),
  );
}

const urlWith = (query: string, host = 'localhost') => {
  const url = new URL(postgres.url());
  url.hostname = host;
  return `${url.href}?${query}`;
};

/** Whether the session is encrypted; rejects when the start is refused, which must happen without a wait. */
const encrypted = (query: string, host?: string) =>
  withStartConnection(
    {
      ...{ url: urlWith(query, host), connectTimeoutMs: 20_000, waitMs: 600_000 },
      sleep: systemClock.sleep,
      onWait: (reason) => {
        throw new Error(`it waits: ${reason}`);
      },
    },
    async (client) => {
      const { rows } = await client.query<{ ssl: boolean }>(
        'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
      );
      return rows[0]?.ssl;
    },
  );

/** A pattern for a text whose spaces may be line breaks. */
const acrossLines = (text: string) => new RegExp(text.replaceAll(' ', '\\s+'));

const refused = (query: string) =>
  encrypted(query).then(
    () => false,
    () => true,
  );

describe('a connection', () => {
  const withCa = (mode: string) => `sslmode=${mode}&sslrootcert=${authority.cert}`;
  const withStranger = (mode: string) => `sslmode=${mode}&sslrootcert=${stranger.cert}`;

  it('a connection without sslmode, or with disable, is not encrypted', async () => {
    expect(await encrypted('')).toBe(false);
    expect(await encrypted('sslmode=disable')).toBe(false);
  });

  it('a connection with sslmode=require is encrypted and verifies nothing', async () => {
    expect(await encrypted('sslmode=require')).toBe(true);
  });

  it.each(['require', 'verify-ca', 'verify-full'])(
    'a connection with %s and an authority accepts only certificates of that authority',
    async (mode) => {
      expect(await encrypted(withCa(mode))).toBe(true);
      expect(await encrypted(withCa(mode), '127.0.0.1')).toBe(true);
      await expect(encrypted(withStranger(mode))).rejects.toMatchObject({
        name: 'StartError',
        message: expect.stringMatching(/certificate.*\n(.*\n)*.*sslrootcert/),
      });
    },
  );

  it('a connection with verify-full and no authority trusts those that Node trusts', async () => {
    await expect(encrypted('sslmode=verify-full')).rejects.toThrow(/certificate/);
  });

  it('a connection verifies the name of the host with verify-full only', async () => {
    await present(makeCertificate(folder, authority, { name: 'other', hosts: 'DNS:db.example' }));
    try {
      expect(await encrypted('sslmode=require')).toBe(true);
      expect(await encrypted(withCa('verify-ca'))).toBe(true);
      await expect(encrypted(withCa('verify-full'))).rejects.toThrow(acrossLines('does not match'));
    } finally {
      await present(usual);
    }
  });

  it('a connection to one of several servers verifies the name of that one', async () => {
    await present(makeCertificate(folder, authority, { name: 'local', hosts: 'DNS:localhost' }));
    const { port } = new URL(postgres.url());
    // Both are the same server, under two names.
    const hostFound = (servers: string, query: string) =>
      withStartConnection(
        {
          url: urlWith(query).replace(/@[^/]*/, `@${servers}`),
          ...{ connectTimeoutMs: 20_000, sleep: systemClock.sleep },
        },
        async (client) => client.host,
      );
    const [byAddress, byName] = [`127.0.0.1:${port}`, `localhost:${port}`];
    try {
      expect(await hostFound(`${byAddress},${byName}`, withCa('verify-full'))).toBe('localhost');
      await expect(hostFound(`${byAddress},${byAddress}`, withCa('verify-full'))).rejects.toThrow(
        acrossLines('does not match'),
      );
    } finally {
      await present(usual);
    }
  });

  it('a connection that verifies the server refuses an expired certificate', async () => {
    await present(makeCertificate(folder, authority, { name: 'expired', days: -1 }));
    try {
      expect(await encrypted('sslmode=require')).toBe(true);
      for (const mode of ['require', 'verify-ca', 'verify-full']) {
        await expect(encrypted(withCa(mode))).rejects.toThrow(acrossLines('has expired'));
      }
    } finally {
      await present(usual);
    }
  });

  it('a connection authenticates with a client certificate', async () => {
    const hba = join(dataFolder, 'pg_hba.conf');
    const before = await readFile(hba, 'utf8');
    const [{ usename = '' } = {}] = await postgres.query<{ usename: string }>(
      'select current_user as usename',
    );
    const ours = makeCertificate(folder, authority, { name: 'client', commonName: usename });
    const theirs = makeCertificate(folder, authority, { name: 'thief', commonName: 'thief' });
    await writeFile(hba, `hostssl all all all cert\n${before}`);
    await postgres.query('select pg_reload_conf()');
    try {
      const as = ({ cert, key }: Certificate) =>
        `${withCa('verify-full')}&sslcert=${cert}&sslkey=${key}`;
      await waitFor('the new rule of the server', () => refused(withCa('require')));
      expect(await encrypted(as(ours))).toBe(true);
      await expect(encrypted(as(theirs))).rejects.toThrow(
        acrossLines('certificate authentication failed'),
      );
      await expect(encrypted(as({ cert: ours.cert, key: theirs.key }))).rejects.toThrow(
        /^the certificates that DATABASE_URL names cannot be used/,
      );
    } finally {
      await writeFile(hba, before);
      await postgres.query('select pg_reload_conf()');
      await waitFor('the new rule of the server', () => encrypted(withCa('require')));
    }
  });
});

describe('certificate files', () => {
  it('certificate files are read again for each connection, and a broken file is ignored', async () => {
    const root = join(folder, 'root.crt');
    await copyFile(authority.cert, root);
    const connections = driverPool(
      { url: urlWith(`sslmode=verify-full&sslrootcert=${root}`), schema },
      {
        ...{ connectionsMax: 9, connectTimeoutMs: 20_000 },
        ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 20_000 },
      },
      {
        onOpened: (client) => void client.on('error', () => undefined),
        onIdleLost: () => undefined,
        onMoved: () => undefined,
      },
    );
    try {
      const connect = async () => connections.release(await connections.connect(), true);
      await connect();
      await writeFile(root, 'half of a certif');
      await connect();
      await present(makeCertificate(folder, stranger, { name: 'renewed' }));
      await expect(connect()).rejects.toThrow(/certificate/);
      await copyFile(stranger.cert, root);
      await connect();
    } finally {
      await connections.end();
      await present(usual);
    }
  });

  it.each([
    ['a certificate file without a certificate', 'no certificate'],
    ['an empty certificate file', ''],
  ])('a service does not start with %s', async (_what, text) => {
    const path = join(folder, 'broken.crt');
    await writeFile(path, text);
    await expect(encrypted(`sslmode=verify-ca&sslrootcert=${path}`)).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(/cannot be used: .*PEM/),
    });
  });
});

describe('a service', () => {
  it('a service encrypts all of its sessions', async () => {
    const url = urlWith(`sslmode=verify-full&sslrootcert=${authority.cert}&application_name=shop`);
    const app = await startService({ ...patience, DATABASE_URL: url });
    try {
      expect((await fetch(`${app.url}/health`)).status).toBe(200);
      const sessions = await postgres.query<{ ssl: boolean; name: string }>(
        `select ssl, application_name as name from pg_stat_ssl join pg_stat_activity using (pid)
         where application_name <> '' and backend_type = 'client backend'`,
      );
      expect(sessions.length).toBeGreaterThan(0);
      expect(sessions).toEqual(sessions.map(() => ({ ssl: true, name: 'shop' })));
    } finally {
      await app.stop();
    }
  });

  it('a service without sslmode does not start on a server that requires TLS, and says what to do', async () => {
    const hba = join(dataFolder, 'pg_hba.conf');
    const before = await readFile(hba, 'utf8');
    const reload = () => withTls((client) => client.query('select pg_reload_conf()'));
    await writeFile(hba, before.replaceAll(/^host /gm, 'hostssl '));
    await reload();
    try {
      await waitFor('the new rule of the server', () => refused(''));
      await expect(encrypted('')).rejects.toThrow(
        acrossLines('no encryption The server wants TLS: add sslmode'),
      );
    } finally {
      await writeFile(hba, before);
      await reload();
      await waitFor('the new rule of the server', () =>
        refused('').then((isRefused) => !isRefused),
      );
    }
  });

  it('a service with sslmode does not start on a server without TLS, and says what to do', async () => {
    await postgres.query('alter system set ssl = off');
    await postgres.query('select pg_reload_conf()');
    try {
      await waitFor('the end of TLS', () => refused('sslmode=require'));
      await expect(encrypted('sslmode=require')).rejects.toThrow(
        acrossLines(
          'does not support SSL connections Turn TLS on in the server, or write sslmode=disable',
        ),
      );
    } finally {
      await present(usual);
    }
  });
});

describe('a command', () => {
  const migrate = (query: string, env: Record<string, string> = {}) =>
    runToEnd({ DATABASE_URL: urlWith(query), NODE_EXTRA_CA_CERTS: '', ...env }, ['migrate']);

  it('a command prints nothing besides its own output, in any sslmode', async () => {
    for (const query of ['sslmode=require', `sslmode=verify-ca&sslrootcert=${authority.cert}`]) {
      const { code, output } = await migrate(query);
      expect({ code, output }).toEqual({
        code: 0,
        output: expect.stringMatching(/^(?:(?:applied \S+\n)+|up to date\n)schema firstcome\n$/),
      });
    }
  });

  it('a command with sslrootcert=system trusts the authorities that Node has', async () => {
    expect(await migrate('sslrootcert=system')).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('certificate') },
    });
    const { code, output } = await migrate('sslrootcert=system', {
      NODE_EXTRA_CA_CERTS: authority.cert,
    });
    expect(code, output).toBe(0);
  });

  it('a command takes parameters that the URL lacks from the variables of libpq', async () => {
    const { hostname, port, username, password, pathname } = new URL(postgres.url());
    const variables = {
      ...{ PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password },
      ...{ PGDATABASE: pathname.slice(1), PGSSLMODE: 'verify-ca', PGSSLROOTCERT: authority.cert },
    };
    const run = (env: Record<string, string>) =>
      runToEnd({ DATABASE_URL: 'postgres://', ...variables, ...env }, ['migrate']);
    const { code, output } = await run({});
    expect(code, output).toBe(0);
    expect(await run({ PGSSLROOTCERT: stranger.cert })).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('certificate') },
    });
    expect(await run({ PGPASSWORD: '' })).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('DATABASE_URL has none') },
    });
  });
});
