// SPDX-License-Identifier: GPL-3.0-or-later
import { userInfo } from 'node:os';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectionConfig, describeLocation } from './connection-config.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the driver makes of a URL. */
function driverOf(url: string, settings: Record<string, string> = {}) {
  const client = new pg.Client(
    connectionConfig(url, { name: 'firstcome', settings }),
  ) as pg.Client & {
    connectionParameters: Record<string, unknown>;
    getStartupConf(): Record<string, string>;
  };
  const { host, port, user, database, ssl } = client.connectionParameters;
  return { host, port, user, database, ssl, session: client.getStartupConf() };
}

describe('the driver', () => {
  it('is given all that the URL says', () => {
    const query = 'application_name=shop&options=-c%20a%3Db';
    const url = `postgres://ada:sesame@db.example:6543/sale?${query}`;
    expect(driverOf(url, { DateStyle: 'ISO', x: 'read \\ only' })).toEqual({
      ...{ host: 'db.example', port: 6543, user: 'ada', database: 'sale', ssl: false },
      session: {
        ...{ user: 'ada', database: 'sale', application_name: 'shop' },
        options: '-c a=b -c DateStyle=ISO -c x=read\\ \\\\\\ only',
      },
    });
  });

  it('takes nothing from the environment, whatever the URL leaves out', () => {
    const bare = driverOf('postgres://');
    const { username } = userInfo();
    expect(bare).toMatchObject({ host: 'localhost', port: 5432, user: username, ssl: false });
    expect(bare.session).toEqual({
      ...{ user: username, database: username, application_name: 'firstcome', options: ' ' },
    });
    const variables = {
      ...{ PGHOST: 'elsewhere', PGPORT: '1', PGUSER: 'eve', PGPASSWORD: 'x', PGDATABASE: 'other' },
      ...{ PGSSLMODE: 'require', PGAPPNAME: 'a', PGOPTIONS: '-c b=c', PGSSLNEGOTIATION: 'direct' },
    };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(driverOf('postgres://')).toEqual(bare);
  });

  it('gets no password where the URL has none, and says so when it is asked for one', async () => {
    vi.stubEnv('PGPASSWORD', 'sesame');
    const { password } = connectionConfig('postgres://ada@db/sale', { name: 'firstcome' });
    const ask = password as () => Promise<string>;
    await expect(ask()).rejects.toThrow(
      'the server asks for a password, and DATABASE_URL has none',
    );
  });

  it('does not show the password in what it prints of itself', () => {
    const config = connectionConfig('postgres://ada:sesame@db/sale', { name: 'firstcome' });
    expect(JSON.stringify(config)).not.toContain('sesame');
  });
});

describe('a URL that cannot be used', () => {
  it.each([
    ['mysql://db/sale', 'DATABASE_URL is no connection URL of PostgreSQL'],
    ['postgres://db/sale?sslmode=prefer', /^DATABASE_URL: sslmode is prefer, /],
    ['postgres://db/sale?sslmod=a&port=x', /^DATABASE_URL has .*\nDATABASE_URL: port must/],
    ['postgres://db/sale?sslmode=verify-ca&sslrootcert=/nowhere', /cannot be used: ENOENT/],
  ])('%s is refused, with why', (url, message) => {
    expect(() => connectionConfig(url, { name: 'firstcome' })).toThrow(message);
  });
});

it.each([
  ['postgres://ada:sesame@db/sale?sslmode=require', 'db/sale'],
  ['postgres://db:6543/sale', 'db:6543/sale'],
  ['postgres://[::1]:6543/sale', '[::1]:6543/sale'],
  ['postgres:///sale?host=/var/run/postgresql', '/var/run/postgresql/sale'],
  ['postgres://', 'localhost'],
])('%s is described as %s', (url, described) => {
  expect(describeLocation(url)).toBe(described);
});
