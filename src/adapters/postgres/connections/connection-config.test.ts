// SPDX-License-Identifier: GPL-3.0-or-later
import { userInfo } from 'node:os';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectionConfig, describeLocation, serversOf } from './connection-config.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The parameters with which the driver would connect. */
function parametersOf(url: string, settings: Record<string, string> = {}) {
  const client = new pg.Client(
    connectionConfig(url, { name: 'firstcome', settings }),
  ) as pg.Client & {
    connectionParameters: Record<string, unknown>;
    getStartupConf(): Record<string, string>;
  };
  const { host, port, user, database, ssl } = client.connectionParameters;
  return { host, port, user, database, ssl, session: client.getStartupConf() };
}

describe('connectionConfig', () => {
  it('gives the driver every parameter of the URL', () => {
    const query = 'application_name=shop&options=-c%20a%3Db';
    const url = `postgres://ada:sesame@db.example:6543/sale?${query}`;
    expect(parametersOf(url, { DateStyle: 'ISO', x: 'read \\ only' })).toEqual({
      ...{ host: 'db.example', port: 6543, user: 'ada', database: 'sale', ssl: false },
      session: {
        ...{ user: 'ada', database: 'sale', application_name: 'shop' },
        options: '-c a=b -c DateStyle=ISO -c x=read\\ \\\\\\ only',
      },
    });
  });

  it('leads to one of several servers, and encrypts no Unix socket', () => {
    const url = 'postgres://db1,db2:6543,%2Frun/sale?sslmode=require';
    const of = (server?: { host: string; port: number }) => {
      const { host, port, ssl } = connectionConfig(url, { name: 'firstcome' }, server);
      return { host, port, isEncrypted: ssl !== false };
    };
    expect(of()).toEqual({ host: 'db1', port: 5432, isEncrypted: true });
    const [, second, third] = serversOf(url);
    expect(of(second)).toEqual({ host: 'db2', port: 6543, isEncrypted: true });
    expect(of(third)).toEqual({ host: '/run', port: 5432, isEncrypted: false });
  });

  it('gives the driver every value, so that it takes nothing from the environment', () => {
    const bare = parametersOf('postgres://');
    const { username } = userInfo();
    expect(bare).toMatchObject({ host: 'localhost', port: 5432, user: username, ssl: false });
    expect(bare.session).toEqual({
      ...{ user: username, database: username, application_name: 'firstcome', options: ' ' },
    });
    const variables = {
      ...{
        PGHOST: 'other.example',
        PGPORT: '1',
        PGUSER: 'eve',
        PGPASSWORD: 'x',
        PGDATABASE: 'other',
      },
      ...{ PGSSLMODE: 'require', PGAPPNAME: 'a', PGOPTIONS: '-c b=c', PGSSLNEGOTIATION: 'direct' },
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(parametersOf('postgres://')).toEqual(bare);
  });

  it('fails with a clear error when the server asks for a password that the URL does not have', async () => {
    vi.stubEnv('PGPASSWORD', 'sesame');
    const { password } = connectionConfig('postgres://ada@db/sale', { name: 'firstcome' });
    const readPassword = password as () => Promise<string>;
    await expect(readPassword()).rejects.toThrow(
      'the server asks for a password, and DATABASE_URL has none',
    );
  });

  it('keeps the password out of a printed configuration', () => {
    const config = connectionConfig('postgres://ada:sesame@db/sale', { name: 'firstcome' });
    expect(JSON.stringify(config)).not.toContain('sesame');
  });
});

describe('connectionConfig', () => {
  it.each([
    ['mysql://db/sale', 'DATABASE_URL is no connection URL of PostgreSQL\nWrite postgres://'],
    ['postgres://db/sale?sslmode=prefer', /^DATABASE_URL: sslmode is prefer, /],
    ['postgres://db/sale?sslmod=a&port=x', /^DATABASE_URL has .*\nDATABASE_URL: port must/],
    ['postgres://db/sale?sslmode=verify-ca&sslrootcert=/nowhere', /cannot be used: ENOENT/],
  ])('refuses %s and says why', (url, message) => {
    expect(() => connectionConfig(url, { name: 'firstcome' })).toThrow(message);
  });
});

it.each([
  ['postgres://ada:sesame@db/sale?sslmode=require', 'db/sale'],
  ['postgres://db:6543/sale', 'db:6543/sale'],
  ['postgres://[::1]:6543/sale', '[::1]:6543/sale'],
  ['postgres:///sale?host=/var/run/postgresql', '/var/run/postgresql/sale'],
  ['postgres://', 'localhost'],
  ['postgres://ada:sesame@a,[::1]:6543,c:1/sale', 'a,[::1]:6543,c:1/sale'],
])('describeLocation shows %s as %s, without user and password', (url, described) => {
  expect(describeLocation(url)).toBe(described);
});
