// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type BundledPostgresOptions,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { audit, claimIdsByUser } from '../support/audit.ts';
import { type Answer, Crowd, range } from '../support/crowd.ts';
import { familyOf, processes, stillAlive } from '../support/process-family.ts';
import {
  commandOf,
  endServiceProcesses,
  patience,
  runToEnd,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const isLinux = process.platform === 'linux';
const couponName = 'LAUNCH';
const clients = 64;

let folder: string;
/** Its database is created by the first service that uses it. For tests that store nothing. */
let dataDir: string;

beforeAll(async () => {
  folder = await createTemporaryFolder('stop');
  dataDir = join(folder, 'data');
});

afterEach(endServiceProcesses);

afterAll(() => removeTemporaryFolder(folder));

/**
 * The results of clients until the service refuses connections. A late request on an idle connection can arrive when the
 * service closes that: it fails without an answer, and must have no effect.
 */
type Load = {
  /** Set by the test together with the signal. */
  isSignalled: boolean;
  answers: Map<string, Answer>;
  refused: string[];
  failed: { userId: string; isLate: boolean }[];
};

/** Clients that claim, each time for a new user, until the service refuses their connections. */
function claimUntilRefused(crowd: Crowd, url: string): { load: Load; ended: Promise<void> } {
  const load: Load = { isSignalled: false, answers: new Map(), refused: [], failed: [] };
  const client = async (index: number) => {
    for (let count = 0; ; count += 1) {
      const userId = `client-${index}-${count}`;
      const isLate = load.isSignalled;
      try {
        load.answers.set(userId, await crowd.claim(url, { couponName, userId, key: userId }));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
          load.refused.push(userId);
          return;
        }
        load.failed.push({ userId, isLate });
      }
    }
  };
  return { load, ended: Promise.all(range(clients).map(client)).then(() => undefined) };
}

describe('a stop under load', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'answers every request in hand at %s, refuses all others, exits with 0 and leaves no process',
    async (signal) => {
      const crowd = new Crowd();
      const ownDir = join(folder, signal);
      const service = await startServiceProcess({ ...patience, DATA_DIR: ownDir });
      const family = isLinux ? familyOf(service.pid) : [];
      await crowd.createCoupon(service.url, couponName, 1_000_000);
      const { load, ended } = claimUntilRefused(crowd, service.url);
      await waitFor('answers', () => load.answers.size > 500);

      load.isSignalled = true;
      service.signal(signal);
      const [exit] = await Promise.all([service.ended(), ended]);
      crowd.close();

      expect(exit, service.output()).toEqual({ code: 0, signal: null });
      expect(load.failed.filter(({ isLate }) => !isLate)).toEqual([]);
      expect(load.refused.length).toBe(clients);
      const others = [...load.answers.values()].filter(({ status }) => status !== 200);
      for (const { status, headers, body } of others) {
        expect({ status, code: body.code, effect: body.effect }).toEqual({
          ...{ status: 503, code: 'unavailable', effect: 'none' },
        });
        expect(headers.connection).toBe('close');
      }
      if (isLinux) expect(family.length).toBeGreaterThan(1);
      if (isLinux) await waitFor('end of every process', () => stillAlive(family).length === 0);
      await expectStoredClaims(ownDir, load);
    },
  );
});

/** Exactly the users that got 200 hold a claim, and the database was shut down cleanly. */
async function expectStoredClaims(ownDir: string, load: Load): Promise<void> {
  const logged: Parameters<BundledPostgresOptions['log']>[0][] = [];
  const log: BundledPostgresOptions['log'] = (event) => logged.push(event);
  const postgres = await startBundledPostgres({ dataDir: ownDir, say: () => {}, log });
  // A start after a stop by force would log its recovery.
  expect(logged.filter(({ level }) => level === 'warn')).toEqual([]);
  const client = new pg.Client({ connectionString: postgres.url });
  try {
    await client.connect();
    const query = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows;
    expect(await audit(query, [...load.answers.values()])).toEqual([]);
    const stored = await claimIdsByUser(query, couponName);
    const winners = [...load.answers].filter(([, { status }]) => status === 200);
    expect([...stored.keys()].sort()).toEqual(winners.map(([userId]) => userId).sort());
  } finally {
    await client.end();
    await postgres.stop();
  }
}

describe('a signal to an idle service', () => {
  it('stops an idle service normally, also when two signals arrive together', async () => {
    const service = await startServiceProcess({ DATA_DIR: dataDir });
    const family = isLinux ? familyOf(service.pid) : [];
    service.signal('SIGINT');
    service.signal('SIGTERM');
    expect(await service.ended(), service.output()).toEqual({ code: 0, signal: null });
    expect(service.output()).toContain('stopping: finishing requests in hand');
    if (isLinux) await waitFor('end of every process', () => stillAlive(family).length === 0);
  });
});

describe.skipIf(!isLinux)('a log that cannot be written', () => {
  it.each([
    ['its reader has ended', '{ SERVE 2>&1 >&3 | head -n 1 >&3; } 3>&1'],
    ['the disk is full', 'SERVE 2>/dev/full'],
  ])('serves on when the log cannot be written because %s', async (_why, command) => {
    const serve = commandOf(['serve'])
      .map((word) => `'${word}'`)
      .join(' ');
    const service = await startServiceProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'debug' }, [
      ...['/bin/sh', '-c', command.replace('SERVE', serve)],
    ]);
    const crowd = new Crowd();
    for (let count = 0; count < 20; count += 1) {
      expect((await crowd.send(service.url, { path: '/livez' })).status).toBe(200);
    }
    crowd.close();
  });
});

describe('a failed start', () => {
  it('reports that another process uses the data folder, and does not disturb that', async () => {
    const first = await startServiceProcess({ DATA_DIR: dataDir });
    const second = await runToEnd({ DATA_DIR: dataDir });
    expect(second.code).toBe(1);
    expect(second.output).toMatch(/^firstcome: The data folder .* is in use by process \d+/m);
    expect(second.output).toContain(`process ${first.pid}`);
    const crowd = new Crowd();
    expect((await crowd.send(first.url, { path: '/health' })).status).toBe(200);
    crowd.close();
  });

  it('reports that the port is taken, and leaves no database running', async () => {
    const first = await startServiceProcess({ DATA_DIR: dataDir });
    const port = new URL(first.url).port;
    const otherDir = join(folder, 'other');
    const second = await runToEnd({ DATA_DIR: otherDir, PORT: port });
    expect(second.code).toBe(1);
    expect(second.output).toContain(
      `firstcome: port ${port} on 127.0.0.1 is in use, perhaps by a firstcome that runs already\n` +
        'firstcome: Stop that one, or set PORT to another number.\n',
    );
    if (isLinux) expect(processes().filter((one) => one.command.includes(otherDir))).toEqual([]);
  });

  it.each([
    [
      'postgres://ada:sesame@127.0.0.1:1/sale',
      '127.0.0.1:1/sale:\nfirstcome: connect ECONNREFUSED',
      'Check that it runs and that DATABASE_URL names its host',
    ],
    // The two dots make the name invalid, so that no DNS server is involved.
    [
      'postgres://ada:sesame@no-such-host..invalid/sale',
      'no-such-host..invalid/sale:\nfirstcome: getaddrinfo',
      'The name has no address: check the host in DATABASE_URL',
    ],
  ])('reports that nothing answers at %s, without the password', async (url, message, advice) => {
    const { code, output } = await runToEnd({ DATABASE_URL: url, DATABASE_WAIT_MS: '0' });
    expect(code).toBe(1);
    expect(output).toContain(`firstcome: cannot use the database at ${message}`);
    expect(output).toContain(`firstcome: ${advice}`);
    expect(output).not.toContain('sesame');
  });

  it('reports a database that is stopped, refuses the password or does not exist', async () => {
    const postgres = await startBundledPostgres({ dataDir, say: () => {}, log: () => {} });
    const withPassword = new URL(postgres.url);
    withPassword.password = 'sesame';
    const withName = new URL(postgres.url);
    withName.pathname = '/nowhere';
    const [wrongPassword, wrongName] = await Promise.all([
      runToEnd({ DATABASE_URL: withPassword.href }),
      runToEnd({ DATABASE_URL: withName.href }),
    ]);
    await postgres.stop();
    const stopped = await runToEnd({ DATABASE_URL: postgres.url, DATABASE_WAIT_MS: '0' });
    expect(wrongPassword).toMatchObject({
      code: 1,
      output: expect.stringContaining('password authentication failed'),
    });
    expect(wrongName).toMatchObject({
      code: 1,
      output: expect.stringContaining('database "nowhere" does not exist'),
    });
    expect(stopped).toMatchObject({ code: 1, output: expect.stringContaining('ECONNREFUSED') });
    for (const { output } of [wrongPassword, wrongName, stopped]) {
      expect(
        output.split('\n').every((line) => line === '' || line.startsWith('firstcome: ')),
      ).toBe(true);
    }
  });

  it('reports every mistake in the settings at once, without their secrets', async () => {
    const { code, output } = await runToEnd({
      ...{ DATABASE_URL: 'mysql://ada:sesame@there/sale', PORT: 'http', CLAIM_BATCH_MAX: '0' },
    });
    expect(code).toBe(1);
    expect(output.trimEnd().split('\n')).toEqual([
      'firstcome: PORT must be a whole number from 0 to 65535, but is "http"',
      expect.stringMatching(/^firstcome: DATABASE_URL must be a URL that begins with postgres:/),
      'firstcome: CLAIM_BATCH_MAX must be a whole number from 1 to 10000, but is "0"',
    ]);
    expect(output).not.toContain('sesame');
  });

  it('exits with 2 for an unknown command', async () => {
    expect(await runToEnd({}, ['sell'])).toMatchObject({
      code: 2,
      output: expect.stringContaining("unknown command 'sell'"),
    });
  });
});
