// SPDX-License-Identifier: GPL-3.0-or-later
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ConfigError,
  describeConfig,
  isLoopback,
  loadConfig,
  printConfig,
  settings,
  settingsHelp,
} from './config.ts';

const adminKey = 'a'.repeat(32);
const claimKey = 'c'.repeat(32);
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function mistakesIn(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

function escaped(text: string): string {
  return text.replace(/[[\]/]/g, '\\$&');
}

function secretFile(content: string, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-config-'));
  folders.push(folder);
  const path = join(folder, 'secret');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe('default settings', () => {
  it('uses the documented defaults, without a warning, when no variable is set', () => {
    const config = loadConfig({});
    expect(config.http).toEqual({
      host: '127.0.0.1',
      port: 8080,
      allowedHosts: [],
      corsOrigins: [],
      headersTimeoutMs: 5_000,
      requestTimeoutMs: 10_000,
      keepAliveTimeoutMs: 72_000,
      connectionsMax: 10_000,
      headerBytesMax: 16_384,
      backlog: 4_096,
    });
    expect(config.auth).toEqual({
      adminApiKey: undefined,
      adminApiKeyNext: undefined,
      claimApiKey: undefined,
      claimApiKeyNext: undefined,
      viewerApiKey: undefined,
      allowAnonymousAdmin: false,
    });
    expect(config.database).toEqual({
      url: undefined,
      claimConnections: 8,
      queryConnections: 4,
      connectTimeoutMs: 2_000,
      waitMs: 30_000,
      lockTimeoutMs: 1_500,
      statementTimeoutMs: 10_000,
      connectionLifetimeMs: 1_800_000,
    });
    expect(config.claims).toEqual({
      timeoutMs: 5_000,
      batchMax: 1_000,
      laneWaitingMax: 10_000,
      waitMaxMs: 1_000,
      lanesMax: 20_000,
      waitingMax: 50_000,
      soldOutHoldersMax: 2_000_000,
    });
    expect(config).toMatchObject({
      workers: 1,
      unsafeDurability: false,
      dataDir: '.firstcome',
      logLevel: 'info',
      shutdown: { delayMs: 0, timeoutMs: 4_000 },
      warnings: [],
    });
  });

  it('refuses an age of cached reads without a Redis to cache them in', () => {
    expect(mistakesIn({ STOCK_CACHE_MAX_AGE_MS: '1' })).toEqual([
      'STOCK_CACHE_MAX_AGE_MS has no effect without REDIS_URL: set both, or neither',
    ]);
    expect(mistakesIn({ STOCK_CACHE_MAX_AGE_MS: '0' })).toEqual([]);
    const both = { STOCK_CACHE_MAX_AGE_MS: '1', REDIS_URL: 'redis://cache.example' };
    expect(loadConfig(both).redis.stockCacheMaxAgeMs).toBe(1);
  });

  it('refuses settings of a queue that there is not', () => {
    expect(mistakesIn({ CLAIM_MODE: 'queued' })).toEqual([
      'CLAIM_MODE is "queued", which needs AMQP_URL: set both, or neither',
    ]);
    expect(mistakesIn({ CONSUME_CLAIMS: 'false' })).toEqual([
      'CONSUME_CLAIMS=false has no effect without AMQP_URL: set both, or neither',
    ]);
    const queued = {
      CLAIM_MODE: 'queued',
      CONSUME_CLAIMS: 'false',
      AMQP_URL: 'amqp://queue.example',
    };
    expect(loadConfig(queued).queue).toMatchObject({ claimMode: 'queued', isConsumed: false });
  });

  it('treats a variable with an empty text as unset', () => {
    const empty = Object.fromEntries(settings.map(({ variable }) => [variable, '']));
    expect(loadConfig({ ...empty, DATABASE_URL_FILE: '' })).toEqual(loadConfig({}));
  });

  it('loads the defaults that the table of settings describes', () => {
    const defaults = Object.fromEntries(
      settings.map((setting) => [setting.variable, setting.default]),
    );
    for (const { variable, value } of describeConfig(loadConfig({}))) {
      expect([variable, value]).toEqual([variable, defaults[variable] ?? '']);
    }
  });

  it('lowers the lock timeout for a shorter claim timeout, and does not raise it for a longer one', () => {
    expect(loadConfig({ CLAIM_TIMEOUT_MS: '100' }).database.lockTimeoutMs).toBe(30);
    expect(loadConfig({ CLAIM_TIMEOUT_MS: '60000' }).database.lockTimeoutMs).toBe(1_500);
  });
});

describe('a loaded configuration', () => {
  it('freezes the configuration at every depth', () => {
    const config = loadConfig({ ADMIN_API_KEY: adminKey, CORS_ORIGINS: 'https://a.example' });
    expect(() => config.warnings.push('more')).toThrow(TypeError);
    expect(() => config.http.corsOrigins.push('https://b.example')).toThrow(TypeError);
    expect(() => Object.assign(config.claims, { batchMax: 2 })).toThrow(TypeError);
    expect(Object.isFrozen(config.auth.adminApiKey)).toBe(true);
  });

  it('reads each setting from its own variable', () => {
    const env: Record<string, string> = {
      ...{
        HOST: '::1',
        PORT: '0',
        ALLOWED_HOSTS: 'shop.example',
        CORS_ORIGINS: 'http://a.example',
      },
      ...{ ALLOW_ANONYMOUS_ADMIN: 'true', DATA_DIR: '/data', LOG_LEVEL: 'trace' },
    };
    // All numbers differ, so that two swapped variables would show.
    let next = 10_000;
    for (const setting of settings) {
      if (setting.kind === 'number' && setting.variable !== 'PORT')
        env[setting.variable] = `${next++}`;
    }
    Object.assign(env, { CLAIM_BATCH_MAX: '3', CLAIM_TIMEOUT_MS: '50000' });
    Object.assign(env, { DATABASE_CLAIM_CONNECTIONS: '4', DATABASE_QUERY_CONNECTIONS: '5' });
    Object.assign(env, { DATABASE_JOB_CONNECTIONS: '6', REDIS_URL: 'redis://cache.example:6379' });
    Object.assign(env, { AMQP_URL: 'amqp://queue.example', CLAIM_MODE: 'queued' });
    Object.assign(env, { TICKET_EXPIRES_SECONDS: '7', TICKET_RETENTION_HOURS: '8' });
    Object.assign(env, { CLAIM_ATTEMPTS_MAX: '9', AMQP_QUEUE_VERSION: '10' });
    for (const { variable, value, source } of describeConfig(loadConfig(env))) {
      if (env[variable] === undefined) continue;
      expect([variable, value, source]).toEqual([variable, env[variable], 'environment']);
    }
  });

  it('does not change the environment that it reads', () => {
    const env = Object.freeze({ PORT: '81', CORS_ORIGINS: 'https://a.example' });
    expect(loadConfig(env).http.port).toBe(81);
  });

  it('reads true, false, 1 and 0 as a yes or no', () => {
    const read = (text: string) =>
      loadConfig({ ALLOW_ANONYMOUS_ADMIN: text }).auth.allowAnonymousAdmin;
    expect(['true', 'false', '1', '0'].map(read)).toEqual([true, false, true, false]);
    expect(mistakesIn({ ALLOW_ANONYMOUS_ADMIN: 'toString' })).toHaveLength(1);
  });
});

describe('mistakes in the environment', () => {
  it('reports all mistakes at once, each with the variable, the value and what is allowed', () => {
    const mistakes = mistakesIn({
      PORT: 'abc',
      LOG_LEVEL: 'loud',
      ALLOW_ANONYMOUS_ADMIN: 'yes',
      CLAIM_TIMEOUT_MS: '99',
    });
    expect(mistakes).toEqual([
      'PORT must be a whole number from 0 to 65535, but is "abc"',
      'ALLOW_ANONYMOUS_ADMIN must be true, false, 1 or 0, but is "yes"',
      'CLAIM_TIMEOUT_MS must be a whole number of milliseconds from 100 to 60000, but is "99"',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, but is "loud"',
    ]);
  });

  it('refuses every text that is not a plain whole number within its bounds', () => {
    for (const text of [' 80', '80 ', '0x50', '8e1', '80.0', '+80', '080', '-1', '65536', 'NaN']) {
      expect(mistakesIn({ PORT: text })).toHaveLength(1);
    }
    expect(mistakesIn({ PORT: '9'.repeat(400) })[0]).toMatch(/but is "9{119}… \(400 characters\)$/);
    expect(mistakesIn({ PORT: '0' })).toEqual([]);
    expect(mistakesIn({ PORT: '65535' })).toEqual([]);
  });

  it('reports misspelt variables before wrong values, and no rule about what they were meant to set', () => {
    expect(
      mistakesIn({
        ...{ DATABASE_ULR: 'postgres://ada:hunter2@db/shop', CLAIM_TIMOUT_MS: '100' },
        ...{ ADMIN_APIKEY: adminKey, DATABASE_URL_FLIE: '/run/secret', PORT_FILE: '/run/port' },
        ...{ HOST: '0.0.0.0', LOG_LEVEL: 'loud' },
      }),
    ).toEqual([
      'DATABASE_ULR is unknown; did you mean DATABASE_URL?',
      'CLAIM_TIMOUT_MS is unknown; did you mean CLAIM_TIMEOUT_MS?',
      'ADMIN_APIKEY is unknown; did you mean ADMIN_API_KEY?',
      'DATABASE_URL_FLIE is unknown; did you mean DATABASE_URL_FILE?',
      'PORT_FILE is not read: only secrets can come from files; set PORT',
      'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, but is "loud"',
    ]);
  });

  it('ignores variables of other programs and misspelt variables that are empty', () => {
    const others = { HOSTNAME: 'shop', FIRSTCOME_PORT: 'tcp://10.0.0.1:8080', PORTS: '80' };
    expect(loadConfig({ ...others, DATABASE_ULR: '', PORT_FILE: '' })).toEqual(loadConfig({}));
  });

  it('accepts both bounds of every number and refuses one beyond them', () => {
    for (const { variable, kind, allowed } of settings) {
      if (kind !== 'number') continue;
      const [min = Number.NaN, max = Number.NaN] = allowed.match(/\d+/g)?.map(Number) ?? [];
      const about = (value: number) =>
        mistakesIn({ [variable]: String(value) }).filter((line) => line.includes(' whole number '));
      expect([variable, about(min), about(max)]).toEqual([variable, [], []]);
      expect([variable, about(min - 1).length, about(max + 1).length]).toEqual([variable, 1, 1]);
    }
  });

  it('escapes control characters in a mistake, so that a value cannot draw on the terminal', () => {
    expect(mistakesIn({ LOG_LEVEL: 'in\u001bfo\n' })[0]).toMatch(/but is "in\\u001bfo\\n"$/);
  });

  it('never shows a wrong secret, from the environment or from a file', () => {
    const secret = 'pass word';
    const path = secretFile(secret);
    for (const env of [
      { ADMIN_API_KEY: secret },
      { CLAIM_API_KEY: secret },
      { DATABASE_URL: secret },
      { DATABASE_URL: `mysql://user:${secret}@db/shop` },
      { DATABASE_URL_FILE: path },
    ]) {
      const mistakes = mistakesIn(env);
      expect(mistakes).toHaveLength(1);
      expect(mistakes.join()).not.toContain(secret);
    }
    expect(mistakesIn({ DATABASE_URL_FILE: path })[0]).toMatch(
      /^DATABASE_URL \(read from DATABASE_URL_FILE\) must be a URL/,
    );
  });

  it('throws an error with one line per mistake', () => {
    const error = new ConfigError(['first', 'second']);
    expect(error).toMatchObject({ name: 'ConfigError', message: 'first\nsecond' });
  });

  it('throws nothing but mistakes for random environments', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('0', '1', ','),
    );
    const env = fc.dictionary(fc.constantFrom(...settings.map(({ variable }) => variable)), text);
    fc.assert(
      fc.property(env, (given) => {
        expect(mistakesIn(given).every((line) => /^[A-Z_]+/.test(line))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

describe('lists and texts', () => {
  it('splits lists at commas and drops spaces around items and empty items', () => {
    const { http } = loadConfig({ ALLOWED_HOSTS: ' Shop.Example , ,[::1],0:0:0:0:0:0:0:1,' });
    expect(http.allowedHosts).toEqual(['shop.example', '[::1]', '[::1]']);
  });

  it('converts origins to the form in which a browser sends them', () => {
    const given = 'HTTPS://Shop.Example:443, http://shop.example:8080';
    expect(loadConfig({ CORS_ORIGINS: given }).http.corsOrigins).toEqual([
      'https://shop.example',
      'http://shop.example:8080',
    ]);
  });

  it.each([
    ...['capacitor://localhost', 'ionic://localhost', 'tauri://localhost', 'app://shop:3000'],
    ...['capacitor-electron://-', 'chrome-extension://abcdefghijklmnop', 'http://tauri.localhost'],
    ...['http://[::1]:8080', 'https://10.0.0.1', 'http://localhost', 'https://shop.example.'],
  ])('accepts the origin %s unchanged', (origin) => {
    expect(loadConfig({ CORS_ORIGINS: origin }).http.corsOrigins).toEqual([origin]);
  });

  it.each([
    ['Capacitor://localhost', 'capacitor://localhost'],
    ['https://b\u00fccher.example', 'https://xn--bcher-kva.example'],
    ['http://[0:0:0:0:0:0:0:1]:80', 'http://[::1]'],
    ['app://shop:80', 'app://shop:80'],
  ])('converts the origin %s to %s, as a browser sends it', (given, sent) => {
    expect(loadConfig({ CORS_ORIGINS: given }).http.corsOrigins).toEqual([sent]);
  });

  it.each([
    ['*', 'a pattern matches nothing'],
    ['https://*.example.com', 'a pattern matches nothing'],
    ['https://%2A.example.com', undefined],
    ['http://localhost:*', 'a pattern matches nothing'],
    ['capacitor://*', 'a pattern matches nothing'],
    ['null', 'any page can send it'],
    ['https://a.example/', 'an origin has no path'],
    ['https://a.example/shop', 'an origin has no path'],
    ['https://a.example?x', 'an origin has no path'],
    ['capacitor://localhost/', 'an origin has no path'],
    ['shop.example', 'its scheme is missing'],
    ['localhost:80', 'its scheme is missing'],
    ['https://', undefined],
    ['wss://a.example', 'no page comes by this scheme'],
    ['FILE://a.example', 'no page comes by this scheme'],
  ])('refuses the origin %s and explains why', (item, reason) => {
    const [mistake, ...others] = mistakesIn({ CORS_ORIGINS: item });
    expect(others).toEqual([]);
    expect(mistake).toMatch(/^CORS_ORIGINS: each item must be an origin in full/);
    const end = reason === undefined ? '' : `: ${reason}.*`;
    expect(mistake).toMatch(new RegExp(`, but one is "[^"]*"${end}$`));
  });

  it('refuses only the wrong origins of a list, and names each', () => {
    const wrong = ['*', 'null', 'shop.example', 'https://a.example/', 'ftp://a.example'];
    wrong.push('https://a.example:99999', 'https://[::1]:99999', 'https://', 'localhost:80');
    for (const item of wrong) {
      const mistakes = mistakesIn({ CORS_ORIGINS: `https://good.example,${item}` });
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toMatch(/^CORS_ORIGINS: each item must be an origin/);
      expect(mistakes[0]).toContain(`one is "${item}"`);
    }
  });

  it('accepts the base URL of a collector and refuses other URLs', () => {
    const variable = 'OTEL_EXPORTER_OTLP_ENDPOINT';
    for (const url of [
      'http://127.0.0.1:4318',
      'https://otel.example/v1/x/',
      'http://[::1]:4318',
    ]) {
      expect(loadConfig({ [variable]: url }).otlpEndpoint).toBe(url);
    }
    expect(loadConfig({ [variable]: '' }).otlpEndpoint).toBeUndefined();
    for (const url of [
      ...['127.0.0.1:4318', 'otel', 'grpc://otel.example', 'http://a.example:99999/x'],
      ...['http://a.example/v1/traces', 'http://a.example/x/v1/traces/'],
    ]) {
      expect(mistakesIn({ [variable]: url })[0]).toContain(`but is "${url}"`);
    }
  });

  it('accepts schema names that need no quotes and refuses others', () => {
    for (const schema of ['firstcome', 'public', '_', 'order', 'x'.repeat(63)]) {
      expect(loadConfig({ DATABASE_SCHEMA: schema }).database.schema).toBe(schema);
    }
    expect(loadConfig({ DATABASE_SCHEMA: '' }).database.schema).toBeUndefined();
    const wrong = ['Sale', '1st', 'a b', 'a"b', 'a-b', 'ä', 'pg_sale', 'information_schema'];
    for (const schema of [...wrong, 'x'.repeat(64)]) {
      expect(mistakesIn({ DATABASE_SCHEMA: schema })).toEqual([
        expect.stringMatching(/^DATABASE_SCHEMA must be 1 to 63 lower case letters, .* but is "/),
      ]);
    }
  });

  it('refuses a host with a scheme, a port or a path', () => {
    for (const item of [
      'http://a.example',
      'a.example:80',
      'a.example/',
      '*',
      'fe80::1%eth0',
      '.a.example',
    ]) {
      expect(mistakesIn({ ALLOWED_HOSTS: item })).toHaveLength(1);
    }
  });
});

describe('a HOST that other machines can reach', () => {
  it('needs an admin key or ALLOW_ANONYMOUS_ADMIN, and the mistake names both', () => {
    const mistakes = mistakesIn({ HOST: '0.0.0.0' });
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(/ADMIN_API_KEY.*ALLOW_ANONYMOUS_ADMIN=true/);
    expect(mistakesIn({ HOST: '0.0.0.0', ADMIN_API_KEY: adminKey })).toEqual([]);
    expect(mistakesIn({ HOST: '0.0.0.0', ALLOW_ANONYMOUS_ADMIN: 'true' })).toEqual([]);
  });

  it('warns about a reachable HOST while every client may claim or administer', () => {
    const keys = { ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey };
    expect(loadConfig({ HOST: '0.0.0.0', ...keys }).warnings).toEqual([]);
    expect(loadConfig({ HOST: '0.0.0.0', ADMIN_API_KEY: adminKey }).warnings).toEqual([
      expect.stringContaining('CLAIM_API_KEY is not set'),
    ]);
    expect(loadConfig({ HOST: '0.0.0.0', ALLOW_ANONYMOUS_ADMIN: '1' }).warnings).toEqual([
      expect.stringContaining('every client that can reach the service can administer it'),
      expect.stringContaining('CLAIM_API_KEY is not set'),
    ]);
  });

  it('warns when a reachable HOST with an admin key makes ALLOWED_HOSTS ineffective', () => {
    const env = { ALLOWED_HOSTS: 'shop.example', CLAIM_API_KEY: claimKey };
    expect(loadConfig({ ...env, HOST: '0.0.0.0', ADMIN_API_KEY: adminKey }).warnings).toEqual([
      expect.stringMatching(/^ALLOWED_HOSTS has no effect/),
    ]);
    const others = [{ ADMIN_API_KEY: adminKey }, { HOST: '0.0.0.0', ALLOW_ANONYMOUS_ADMIN: '1' }];
    for (const other of others) {
      expect(loadConfig({ ...env, ...other }).warnings.join()).not.toContain('ALLOWED_HOSTS');
    }
  });

  it('counts every host but 127.0.0.0/8, ::1 and localhost as reachable', () => {
    const near = ['127.0.0.1', '127.255.255.254', '::1', '0:0::1', 'localhost', 'LocalHost'];
    const far = ['0.0.0.0', '::', '128.0.0.1', '10.0.0.1', '::2', 'localhost.example', '127.1'];
    expect(near.map(isLoopback)).toEqual(near.map(() => true));
    expect(far.map(isLoopback)).toEqual(far.map(() => false));
  });

  it('reports a wrong HOST once, without the rule about reachable hosts', () => {
    expect(mistakesIn({ HOST: 'http://0.0.0.0' })).toEqual([
      'HOST must be a host name or an IP address, without scheme or port, but is "http://0.0.0.0"',
    ]);
    expect(mistakesIn({ HOST: '0.0.0.0', ADMIN_API_KEY_FILE: '/nowhere' })).toHaveLength(1);
  });
});

describe('rules between settings', () => {
  it.each([
    [{ HTTP_HEADERS_TIMEOUT_MS: '9000', HTTP_REQUEST_TIMEOUT_MS: '9000' }, undefined],
    [
      { HTTP_HEADERS_TIMEOUT_MS: '9001', HTTP_REQUEST_TIMEOUT_MS: '9000' },
      /^HTTP_REQUEST_TIMEOUT_/,
    ],
    [{ CLAIM_TIMEOUT_MS: '3000', DATABASE_LOCK_TIMEOUT_MS: '1499' }, undefined],
    [{ CLAIM_TIMEOUT_MS: '3000', DATABASE_LOCK_TIMEOUT_MS: '1500' }, /^DATABASE_LOCK_TIMEOUT_MS/],
    [{ CLAIM_WAITING_MAX: '10000' }, undefined],
    [{ CLAIM_WAITING_MAX: '9999' }, /^CLAIM_WAITING_MAX .* CLAIM_LANE_WAITING_MAX \(10000\)/],
    [{ DURABILITY_MIN: 'local' }, undefined],
    [{ DURABILITY_MIN: 'replicated', DATABASE_URL: 'postgres://ada@db/shop' }, undefined],
    [
      { DURABILITY_MIN: 'replicated' },
      /^DURABILITY_MIN is "replicated", but the bundled PostgreSQL has no standby: set DATABASE_URL /,
    ],
    [{ DURABILITY_MIN: 'none', UNSAFE_DURABILITY: 'true' }, undefined],
    [{ DURABILITY_MIN: 'local', UNSAFE_DURABILITY: 'true' }, /^UNSAFE_DURABILITY is true, but/],
    [{ ADMIN_API_KEY: adminKey, CLAIM_API_KEY: claimKey }, undefined],
    [{ ADMIN_API_KEY: adminKey, CLAIM_API_KEY: adminKey }, /^CLAIM_API_KEY must differ/],
  ])('applies the rules between settings exactly at their bounds: %j', (env, expected) => {
    const mistakes = mistakesIn(env);
    expect(mistakes).toEqual(expected === undefined ? [] : [expect.stringMatching(expected)]);
  });

  it('does not report a rule about a setting that has a mistake of its own', () => {
    expect(mistakesIn({ CLAIM_TIMEOUT_MS: 'x', DATABASE_LOCK_TIMEOUT_MS: '4000' })).toHaveLength(1);
  });
});

describe('rules between API keys', () => {
  const nextKey = 'n'.repeat(32);
  const viewerKey = 'v'.repeat(32);
  const all = {
    ...{ ADMIN_API_KEY: adminKey, ADMIN_API_KEY_NEXT: nextKey },
    ...{ CLAIM_API_KEY: claimKey, CLAIM_API_KEY_NEXT: 'd'.repeat(32), VIEWER_API_KEY: viewerKey },
  };

  it('accepts a different key of every kind, and a next key that equals the one it replaces', () => {
    expect(mistakesIn(all)).toEqual([]);
    const { ADMIN_API_KEY_NEXT, CLAIM_API_KEY_NEXT } = all;
    const moved = { ADMIN_API_KEY: ADMIN_API_KEY_NEXT, CLAIM_API_KEY: CLAIM_API_KEY_NEXT };
    expect(mistakesIn({ ...all, ...moved })).toEqual([]);
  });

  it.each([
    ['CLAIM_API_KEY', 'ADMIN_API_KEY', 'could administer'],
    ['CLAIM_API_KEY', 'ADMIN_API_KEY_NEXT', 'could administer'],
    ['CLAIM_API_KEY_NEXT', 'ADMIN_API_KEY', 'could administer'],
    ['CLAIM_API_KEY_NEXT', 'ADMIN_API_KEY_NEXT', 'could administer'],
    ['VIEWER_API_KEY', 'ADMIN_API_KEY', 'could administer'],
    ['VIEWER_API_KEY', 'ADMIN_API_KEY_NEXT', 'could administer'],
    ['VIEWER_API_KEY', 'CLAIM_API_KEY', 'could read all claims'],
    ['VIEWER_API_KEY', 'CLAIM_API_KEY_NEXT', 'could read all claims'],
  ] as const)('refuses a %s that equals %s', (name, other, why) => {
    expect(mistakesIn({ ...all, [name]: all[other] })).toEqual([
      expect.stringMatching(`^${name} must differ from ${other}, but is the same: .*${why}$`),
    ]);
  });

  it.each([
    ['ADMIN_API_KEY_NEXT', 'ADMIN_API_KEY'],
    ['CLAIM_API_KEY_NEXT', 'CLAIM_API_KEY'],
    ['VIEWER_API_KEY', 'ADMIN_API_KEY'],
  ] as const)('refuses %s without %s, and says what to set', (name, needed) => {
    expect(mistakesIn({ [name]: all[name] })).toEqual([
      expect.stringMatching(`^${name} needs ${needed}: .*; set ${needed}, or remove ${name}$`),
    ]);
  });

  it('accepts the viewer key alone for a command that does not serve', () => {
    const env = { VIEWER_API_KEY: viewerKey };
    expect(loadConfig(env, {}, { serves: false }).auth.viewerApiKey?.reveal()).toBe(viewerKey);
  });

  it('counts an absent file of a next key as no key, unless its folder is absent too', () => {
    const path = secretFile(adminKey);
    const file = (name: string) => ({ ADMIN_API_KEY_FILE: path, ADMIN_API_KEY_NEXT_FILE: name });
    expect(loadConfig(file(`${path}-next`)).auth.adminApiKeyNext).toBeUndefined();
    expect(mistakesIn(file('/nowhere/admin-key-next'))).toEqual([
      expect.stringMatching(/^ADMIN_API_KEY_NEXT_FILE .* there is no such file$/),
    ]);
    expect(mistakesIn(file(secretFile('')))).toEqual([
      expect.stringMatching(/it is empty; delete it to end the key$/),
    ]);
  });
});

describe('secrets', () => {
  it('refuses keys that a header cannot carry', () => {
    for (const key of ['with space', 'tab\t', 'schlüssel', 'line\n']) {
      expect(mistakesIn({ ADMIN_API_KEY: key })).toHaveLength(1);
    }
  });

  it('warns about keys that are short enough to guess', () => {
    expect(loadConfig({ ADMIN_API_KEY: 'a'.repeat(32) }).warnings).toEqual([]);
    expect(loadConfig({ CLAIM_API_KEY: 'a'.repeat(31) }).warnings).toEqual([
      'CLAIM_API_KEY is shorter than 32 characters and may be guessed',
    ]);
  });

  it('reads a secret from a file without one trailing newline', () => {
    for (const content of [adminKey, `${adminKey}\n`, `${adminKey}\r\n`]) {
      const config = loadConfig({ ADMIN_API_KEY_FILE: secretFile(content) });
      expect(config.auth.adminApiKey?.reveal()).toBe(adminKey);
      expect(describeConfig(config)).toContainEqual({
        variable: 'ADMIN_API_KEY',
        value: '[hidden]',
        source: 'file',
      });
    }
    expect(mistakesIn({ ADMIN_API_KEY_FILE: secretFile(`${adminKey}\n\n`) })).toHaveLength(1);
  });

  it('refuses a secret that is set both directly and by a file', () => {
    expect(mistakesIn({ CLAIM_API_KEY: claimKey, CLAIM_API_KEY_FILE: '/nowhere' })).toEqual([
      'CLAIM_API_KEY and CLAIM_API_KEY_FILE are both set, but only one of them may be',
    ]);
  });

  it('refuses a secret file that is missing, a folder, empty or huge, and says why', () => {
    const mistakesAbout = (path: string) => mistakesIn({ DATABASE_URL_FILE: path }).join('\n');
    expect(mistakesAbout('/nowhere')).toBe(
      'DATABASE_URL_FILE must name a file that can be read, but "/nowhere" cannot: there is no such file',
    );
    expect(mistakesAbout('hunter2')).toMatch(
      /can be read, but what it says cannot: there is no such file$/,
    );
    expect(mistakesAbout('hunter2'.repeat(60))).toMatch(
      /can be read, but what it says cannot: ENAMETOOLONG$/,
    );
    expect(mistakesAbout(tmpdir())).toMatch(/cannot: it is a folder$/);
    expect(mistakesAbout(secretFile('\n'))).toMatch(/cannot: it is empty$/);
    expect(mistakesAbout(secretFile('x'.repeat(65_537)))).toMatch(
      /cannot: it is over 65536 bytes$/,
    );
  });

  it.skipIf(process.platform === 'win32')(
    'warns when other users can read the file of a secret',
    () => {
      const warnings = (mode: number) =>
        loadConfig({ ADMIN_API_KEY_FILE: secretFile(adminKey, mode) }).warnings.join('\n');
      expect(warnings(0o600)).toBe('');
      expect(warnings(0o640)).toMatch(/^ADMIN_API_KEY_FILE names ".*", which other users/);
      expect(warnings(0o604)).toMatch(/^ADMIN_API_KEY_FILE/);
    },
  );

  it('accepts a database URL of either scheme, also with a socket folder', () => {
    for (const url of [
      'postgres://db/shop',
      'postgresql://u:p@db:1/shop',
      'postgres:///a?host=/s',
      'postgres://db:1/shop?user=ada%40sale',
    ]) {
      expect(loadConfig({ DATABASE_URL: url }).database.url?.reveal()).toBe(url);
    }
    for (const url of [
      ...['db/shop', 'http://db/shop', 'postgres://db:port/shop', 'Postgres//db'],
      // Their passwords are 1/2, 1?2 and 1#2, so the host seems to be ada.
      'postgres://ada:1/2@db/shop',
      ...['postgres://ada:1?2@db/shop', 'postgres://ada:1#2@db/shop'],
      // Here 1/shop?user=ada may be a password.
      'postgres://db:1/shop?user=ada@sale',
    ]) {
      expect(mistakesIn({ DATABASE_URL: url })).toHaveLength(1);
    }
  });
});

describe('the URL of the database', () => {
  const revealed = (env: NodeJS.ProcessEnv) => loadConfig(env).database.url?.reveal();
  const libpq = {
    ...{ PGHOST: 'db.example', PGPORT: '6543', PGUSER: 'ada', PGPASSWORD: 's@f/e' },
    ...{ PGDATABASE: 'sale', PGSSLMODE: 'require', PGAPPNAME: 'shop', PGOPTIONS: '-c a=b' },
  };

  it('completes the URL of the database from the variables of libpq, which override nothing in it', () => {
    const rest = '?sslmode=require&application_name=shop&options=-c%20a%3Db';
    expect(revealed({ DATABASE_URL: 'postgres://', ...libpq })).toBe(
      `postgresql://ada:s%40f%2Fe@db.example:6543/sale${rest}`,
    );
    const full = 'postgres://eve:x@a:1/b?sslmode=disable&application_name=c&options=-c%20d%3De';
    expect(revealed({ DATABASE_URL: full, ...libpq })).toBe(full);
    expect(revealed({ ...libpq })).toBeUndefined();
    expect(
      revealed({ DATABASE_URL: 'postgres://db/shop', PGUSER: '', PGCONNECT_TIMEOUT: '1' }),
    ).toBe('postgres://db/shop');
  });

  it('takes several servers from the URL or from the variables of libpq', () => {
    const DATABASE_URL = 'postgres:///sale';
    const libpqServers = { PGHOST: 'db1,db2', PGPORT: '5432,6543' };
    expect(revealed({ DATABASE_URL, ...libpqServers })).toBe('postgresql://db1:5432,db2:6543/sale');
    const several = 'postgres://db1,db2:6543/sale?target_session_attrs=read-write';
    expect(revealed({ DATABASE_URL: several, PGHOST: 'other' })).toBe(several);
    expect(mistakesIn({ DATABASE_URL, ...libpqServers, PGHOST: 'db1,db2,db3' })).toEqual([
      'PGPORT must be one for all servers or one for each: there are 2 for 3',
    ]);
  });

  it('reports every mistake in the URL of the database at once, by the name of its source', () => {
    const url = 'postgres://db/shop?sslmod=require&port=x';
    expect(mistakesIn({ DATABASE_URL: url, PGSSLMODE: 'prefer' })).toEqual([
      'DATABASE_URL has the unknown parameter sslmod: did you mean sslmode?',
      'DATABASE_URL: port must be a whole number from 1 to 65535',
      expect.stringMatching(/^PGSSLMODE is prefer, which is not supported/),
    ]);
    expect(mistakesIn({ DATABASE_URL_FILE: secretFile(`${url}\n`) })).toEqual([
      expect.stringMatching(
        /^DATABASE_URL \(read from DATABASE_URL_FILE\) has the unknown parameter sslmod:/,
      ),
      'DATABASE_URL (read from DATABASE_URL_FILE): port must be a whole number from 1 to 65535',
    ]);
  });

  it('refuses a URL of the database whose files cannot be read', () => {
    const there = secretFile('x');
    const url = (root: string) => `postgres://db/shop?sslmode=verify-ca&sslrootcert=${root}`;
    expect(mistakesIn({ DATABASE_URL: url(there) })).toEqual([]);
    expect(mistakesIn({ DATABASE_URL: url('/nowhere') })).toEqual([
      'DATABASE_URL: sslrootcert must name a file that can be read, but "/nowhere" cannot: there is no such file',
    ]);
    expect(mistakesIn({ DATABASE_URL: url('hunter2') })[0]).toMatch(
      /but what it says cannot: there is no such file$/,
    );
    expect(
      mistakesIn({ DATABASE_URL: 'postgres://db/shop?sslmode=disable', PGSSLROOTCERT: '/nowhere' }),
    ).toEqual([]);
  });

  it('describes the URL of the database with its encryption and without its account', () => {
    const shown = (DATABASE_URL: string) =>
      describeConfig(loadConfig({ DATABASE_URL })).find((row) => row.variable === 'DATABASE_URL')
        ?.value;
    expect(shown('postgres://u:hunter2@db/shop?sslmode=require&options=-c%20a%3Db')).toBe(
      'postgresql://[hidden]@db/shop?sslmode=require&[hidden]',
    );
    expect(shown('postgres:///shop?host=/var/run/postgresql')).toBe(
      'postgresql:///shop?host=/var/run/postgresql',
    );
  });
});

describe('a password in a URL', () => {
  const special = ['/', '@', ':', '?', '#', ',', '\\', ' ', '%', '[', ']', '1', '://', 'http://'];
  // Read as parameters of the database, they would make the rest of a password look like one.
  special.push('/hunter?', '?user=', '&port=', '=');
  const password = fc
    .array(fc.constantFrom('hunter', ...special), { maxLength: 8 })
    .map((pieces) => `${pieces.join('')}hunter`);
  // Every text is a valid DATA_DIR.
  const variables = settings
    .filter(({ variable, kind }) => ['text', 'list'].includes(kind) && variable !== 'DATA_DIR')
    .flatMap(({ variable, secret }) => (secret ? [variable, `${variable}_FILE`] : [variable]));

  it('shows a password in a URL in no mistake and no description, in any setting', () => {
    const scheme = fc.constantFrom('http://', 'https://', 'postgres://', 'ftp://', '');
    const user = fc.constantFrom('ada:', 'ada:1', ':');
    const host = fc.constantFrom('@db.example/sale', '@db.example:port', '@[::1', '@');
    const variable = fc.constantFrom(...variables);
    fc.assert(
      fc.property(variable, fc.tuple(scheme, user, password, host), (name, pieces) => {
        const env = { [name]: pieces.join('') };
        const mistakes = mistakesIn(env);
        const printed = mistakes.length > 0 ? mistakes.join('\n') : printConfig(loadConfig(env));
        expect(printed).not.toContain('hunter');
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    'postgres://ada:/hunter?hunter@db.example/sale',
    'postgres://ada:1/hunter?user=hunter@db.example/sale',
    'postgres://ada:1?user=hunter@db.example/sale',
    'postgres://ada:/hunter?host=hunter&port=1@db.example/sale?sslmode=require',
    'postgres://ada:1/hunter?@db.example/sale?sslmode=require',
  ])('refuses a password in a URL whose beginning looks like a host: %s', (DATABASE_URL) => {
    expect(mistakesIn({ DATABASE_URL })).toEqual([
      expect.stringMatching(
        /^DATABASE_URL must be a URL .* percent-encoded, but is not; its value is kept hidden$/,
      ),
    ]);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://ada:a/hunter2@otel.example', 'http://[hidden]'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://ada:a@hunter2@otel.example', 'https://[hidden]'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://otel.example?key=hunter2', 'https://[hidden]'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'ada:hunter2@otel.example', '[hidden]'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://ada:hunter2', 'http://[hidden]'],
    ['CORS_ORIGINS', 'https://ada:a,hunter2@shop.example', 'https://[hidden]'],
  ])('shows only the scheme of a wrong %s: %s', (variable, text, shown) => {
    expect(mistakesIn({ [variable]: text })[0]).toMatch(new RegExp(` is "${escaped(shown)}"$`));
  });
});

describe('a description of the configuration', () => {
  const env = {
    ADMIN_API_KEY: adminKey,
    CLAIM_API_KEY: 'short',
    DATABASE_URL: 'postgres://shopkeeper:hunter2@db.example:6543/shop?password=hunter3',
    PORT: '9000',
  };

  it('describes each setting in one row, in the order of the table', () => {
    const rows = describeConfig(loadConfig({}));
    expect(rows.map((row) => row.variable)).toEqual(settings.map((setting) => setting.variable));
  });

  it('describes the address of the database and hides other secrets', () => {
    const rows = describeConfig(loadConfig(env));
    expect(rows).toContainEqual({
      variable: 'DATABASE_URL',
      value: 'postgresql://[hidden]@db.example:6543/shop',
      source: 'environment',
    });
    const config = loadConfig(env);
    for (const printed of [printConfig(config), JSON.stringify(config), inspect(config)]) {
      expect(printed).not.toMatch(/hunter|shopkeeper|aaaa|short"|=short/);
    }
  });

  it('prints every setting, the source of those that are set, and the warnings', () => {
    const lines = printConfig(loadConfig(env)).split('\n');
    expect(lines).toContain('PORT=9000  # environment');
    expect(lines).toContain('HOST=127.0.0.1');
    expect(lines.at(-1)).toBe(
      '# warning: CLAIM_API_KEY is shorter than 32 characters and may be guessed',
    );
  });
});

describe('the help on settings', () => {
  it('lists every setting with its default in lines of at most 80 columns', () => {
    const help = settingsHelp();
    for (const { variable, default: usual } of settings) {
      expect(help).toContain(`\n  ${variable}=${usual ?? ''}`);
    }
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(help).toContain('ADMIN_API_KEY_FILE');
  });
});
