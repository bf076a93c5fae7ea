// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { locationFrom } from './connection-location.ts';
import { connectionParameters, readConnectionUrl, writeConnectionUrl } from './connection-url.ts';

/** The parameters of a URL without a mistake. */
function given(url: string): Record<string, string> {
  const read = readConnectionUrl(url);
  expect(read?.mistakes).toEqual([]);
  return Object.fromEntries(read?.given ?? []);
}

/** The mistakes in a URL, as they are printed after its name. */
function mistakes(url: string): string[] {
  const read = readConnectionUrl(url);
  if (read === undefined) return ['no connection URL'];
  return [...read.mistakes, ...locationFrom(read.given).mistakes].map(({ parameter, message }) =>
    parameter === undefined ? message : `${parameter} ${message}`,
  );
}

function location(url: string) {
  const found = locationFrom(new Map(Object.entries(given(url))) as never);
  if (!('location' in found)) throw new Error(JSON.stringify(found.mistakes));
  return found.location;
}

describe('a connection URL', () => {
  it('reads server, account and database from a URL', () => {
    expect(given('postgresql://ada:s%40f%2Fe@db.example:6543/sale')).toEqual({
      ...{ user: 'ada', password: 's@f/e', host: 'db.example', port: '6543', dbname: 'sale' },
    });
    expect(given('postgres://ada:[a:b]@[::1]:1/a/b')).toEqual({
      ...{ user: 'ada', password: '[a:b]', host: '::1', port: '1', dbname: 'a/b' },
    });
    expect(given('postgres://')).toEqual({});
    expect(given('postgres:///')).toEqual({});
    expect(given('postgres://ada@/sale')).toEqual({ user: 'ada', dbname: 'sale' });
  });

  it('reads the folder of a socket from the host or from the query', () => {
    const socket = { host: '/var/run/postgresql', dbname: 'sale' };
    expect(given('postgres://%2Fvar%2Frun%2Fpostgresql/sale')).toEqual(socket);
    expect(given('postgres:///sale?host=/var/run/postgresql')).toEqual(socket);
    expect(location('postgres:///sale?host=/s&sslmode=verify-full')).toMatchObject({
      ...{ servers: [{ host: '/s', port: 5432 }], database: 'sale', tls: undefined },
    });
  });

  it('reads several servers from the URL, from the query, and with one port for all', () => {
    const three = [
      { host: 'a', port: 5432 },
      { host: '::1', port: 5433 },
      { host: 'c.example', port: 5432 },
    ];
    expect(given('postgres://ada@a,[::1]:5433,c.example/sale')).toEqual({
      ...{ user: 'ada', host: 'a,::1,c.example', port: ',5433,', dbname: 'sale' },
    });
    expect(location('postgres://ada@a,[::1]:5433,c.example/sale').servers).toEqual(three);
    expect(location('postgres:///sale?host=a,::1,c.example&port=,5433,').servers).toEqual(three);
    const same = [
      { host: 'a', port: 6432 },
      { host: '/run', port: 6432 },
    ];
    expect(location('postgres:///sale?host=a,/run&port=6432').servers).toEqual(same);
    expect(location('postgres://a,%2Frun/sale?port=6432').servers).toEqual(same);
    expect(location('postgres://a:6432,%2Frun:6432/sale?sslmode=require')).toMatchObject({
      ...{ servers: same, tls: { verify: 'nothing' } },
    });
    expect(given('postgres://a,b/sale')).toEqual({ host: 'a,b', dbname: 'sale' });
  });

  it('writes several servers where a reader looks for them', () => {
    const written = (parameters: Record<string, string>) =>
      writeConnectionUrl(new Map(Object.entries(parameters)) as never);
    expect(written({ host: 'a,b', port: '5432,5433', user: 'ada', dbname: 'sale' })).toBe(
      'postgresql://ada@a:5432,b:5433/sale',
    );
    expect(written({ host: 'a,b', dbname: 'sale' })).toBe('postgresql://a,b/sale');
    expect(written({ host: 'a,b', port: '1' })).toBe('postgresql:///?host=a%2Cb&port=1');
  });

  it('lets each parameter in the query override the rest of the URL', () => {
    const query = 'host=b&port=2&user=u&password=p%2B+q&dbname=d';
    expect(given(`postgres://ada:x@a:1/sale?${query}`)).toEqual({
      ...{ host: 'b', port: '2', user: 'u', password: 'p+ q', dbname: 'd' },
    });
    expect(given('postgres://a/sale?host=&options=-c%20a%3Db')).toEqual({
      ...{ host: 'a', dbname: 'sale', options: '-c a=b' },
    });
  });

  it.each([
    ...['db/sale', 'http://db/sale', 'Postgres://db', 'postgres:/db', 'postgres://a b/sale'],
    // Passwords with special characters that are not percent-encoded.
    ...['postgres://u:1/2@db/sale', 'postgres://u:1?2@db/sale', 'postgres://u:1#2@db/sale'],
    ...['postgres://u:1/2?user=3@db/sale', 'postgres://db/sale?user=ada@sale'],
    ...['postgres://u:1@2@db/sale', 'postgres://u:100%@db/sale', 'postgres://u:%zz@db/sale'],
    ...['postgres://db:port/sale', 'postgres://u:%00@db/sale', 'postgres://db/sale#x'],
  ])('refuses %s as no connection URL', (url) => {
    expect(readConnectionUrl(url)).toBeUndefined();
  });

  it('reads the same parameters from a URL that it has written', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom('5432', 'a,b', '1,2', ',2', ',', 'a,'),
    );
    const parameters = fc.dictionary(
      fc.constantFrom(...connectionParameters),
      text.filter((one) => !one.includes('\0')),
    );
    fc.assert(
      fc.property(parameters, (wanted) => {
        const url = writeConnectionUrl(new Map(Object.entries(wanted)) as never);
        expect(given(url)).toEqual(wanted);
      }),
    );
  });
});

describe('a parameter of a connection URL', () => {
  it.each([
    ['sslmod=require', 'has the unknown parameter sslmod: did you mean sslmode?'],
    ['sslMode=require', 'has the unknown parameter sslMode: did you mean sslmode?'],
    ['aplication_name=a', /did you mean application_name\?$/],
    ['sslrootcrt=a', /did you mean sslrootcert\?$/],
    ['connect_timout=3', /did you mean connect_timeout\?$/],
    ['connect_timeout=3', /connect_timeout, .* set DATABASE_CONNECT_TIMEOUT_MS instead$/],
    ['channel_binding=require', /channel_binding, which is not supported: remove it$/],
    ['ssl=true', /write sslmode=require$/],
    ['ssl=0', /write sslmode=disable$/],
    ['uselibpqcompat=true', /sslmode has the same meaning as in libpq$/],
    ['sslmode=require&sslmode=disable', 'sslmode is given twice'],
  ])('refuses an unsupported parameter and says what to do: %s', (query, message) => {
    expect(mistakes(`postgres://db/sale?${query}`)).toEqual([
      typeof message === 'string' ? message : expect.stringMatching(message),
    ]);
  });

  it('does not show an unknown parameter that may be a piece of a password', () => {
    expect(mistakes('postgres://db/sale?password=abc&hunter2&sslmode=require')).toEqual([
      'has an unknown parameter, the second after the "?"; its name is kept hidden',
    ]);
  });

  it.each([
    ['port=0', /^port must be a whole number from 1 to 65535/],
    ['port=65536', /^port must/],
    ['port=5432,5433', /^port must be one for all .* each: there are 2 for 1$/],
    ['host=a,b,c&port=1,2', /^port must be one for all .* each: there are 2 for 3$/],
    ['host=a,b&port=1,65536', /^port must be a whole number/],
    ['host=a,,b', /^host must name a server before and after each comma$/],
    ['host=a,', /^host must name a server/],
    [`host=a${',a'.repeat(16)}`, /^host must name at most 16 servers$/],
    ['target_session_attrs=standby', /^target_session_attrs must be any, read-write or primary/],
    [
      'sslmode=prefer',
      /^sslmode is prefer, .*falls back to no encryption unnoticed: write require, or/,
    ],
    ['sslmode=allow', /^sslmode is allow, /],
    ['sslmode=no-verify', /^sslmode is no-verify, which libpq calls require$/],
    ['sslmode=hunter2', 'sslmode must be one of disable, require, verify-ca, verify-full'],
    ['sslmode=verify-ca', /^sslmode is verify-ca, which needs sslrootcert/],
    ['sslmode=require&sslrootcert=system', /^sslrootcert may be system only with .*verify-full/],
    ['sslrootcert=/ca', /^sslrootcert needs an sslmode/],
    ['sslmode=require&sslcert=/c', 'sslcert needs sslkey as well'],
    ['sslmode=require&sslkey=/c', 'sslkey needs sslcert as well'],
  ])('refuses a parameter with a value that is not allowed: %s', (query, message) => {
    expect(mistakes(`postgres://db/sale?${query}`)).toEqual([
      typeof message === 'string' ? message : expect.stringMatching(message),
    ]);
  });

  it('derives from sslmode what is verified, as libpq does', () => {
    const tls = (query: string) => location(`postgres://db/sale?${query}`).tls;
    const file = { authoritiesFile: '/ca', certificate: undefined };
    const none = { authoritiesFile: undefined, certificate: undefined };
    expect(tls('')).toBeUndefined();
    expect(tls('sslmode=disable&sslrootcert=/ca')).toBeUndefined();
    expect(tls('sslmode=require')).toEqual({ verify: 'nothing', ...none });
    expect(tls('sslmode=require&sslrootcert=/ca')).toEqual({ verify: 'authority', ...file });
    expect(tls('sslmode=verify-ca&sslrootcert=/ca')).toEqual({ verify: 'authority', ...file });
    expect(tls('sslmode=verify-full&sslrootcert=/ca')).toEqual({ verify: 'host', ...file });
    expect(tls('sslmode=verify-full')).toEqual({ verify: 'host', ...none });
    expect(tls('sslrootcert=system')).toEqual({ verify: 'host', ...none });
    expect(tls('sslmode=require&sslcert=/c&sslkey=/k')).toMatchObject({
      certificate: { certFile: '/c', keyFile: '/k' },
    });
  });

  it.each(['any', 'read-write', 'primary'])('accepts target_session_attrs=%s', (value) => {
    expect(mistakes(`postgres://db/sale?target_session_attrs=${value}`)).toEqual([]);
  });
});
