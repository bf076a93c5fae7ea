// SPDX-License-Identifier: GPL-3.0-or-later
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { audit, claimIdsByUser } from '../support/audit.ts';
import { type Answer, Crowd, range } from '../support/crowd.ts';
import {
  commandOf,
  endServiceProcesses,
  familyOf,
  patience,
  processes,
  runToEnd,
  startServiceProcess,
  stillAlive,
} from '../support/service-process.ts';
import { waitFor } from '../support/wait-for.ts';

const isLinux = process.platform === 'linux';
const couponName = 'LAUNCH';
const clients = 64;
// Requests in hand have four seconds to end (SHUTDOWN_TIMEOUT_MS), and so has the database before it is ended by force.
const stopMsMax = 8_000;
// A request that comes so long after the port has closed is still answered.
const lateRequestMs = 250;

let folder: string;
let dataDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-stop-'));
  await chmod(folder, 0o755);
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  await endServiceProcesses();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/**
 * What clients met until the service took no more connections. A client that was held up may come on an idle connection
 * when the service closes those: its request is cut before it is read, and must have no effect.
 */
type Load = {
  answers: Map<string, Answer>;
  refused: string[];
  cut: { userId: string; askedMs: number }[];
};

/** Clients who claim, each for a new user every time, until no connection can be had. */
function claimUntilRefused(crowd: Crowd, url: string): { load: Load; ended: Promise<void> } {
  const load: Load = { answers: new Map(), refused: [], cut: [] };
  const client = async (index: number) => {
    for (let count = 0; ; count += 1) {
      const userId = `client-${index}-${count}`;
      const askedMs = performance.now();
      try {
        load.answers.set(userId, await crowd.claim(url, { couponName, userId, key: userId }));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
          load.refused.push(userId);
          return;
        }
        load.cut.push({ userId, askedMs });
      }
    }
  };
  return { load, ended: Promise.all(range(clients).map(client)).then(() => undefined) };
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s under load', (signal) => {
  it('answers whom it has taken on, refuses all others, exits with 0 in time and leaves no process', async () => {
    const crowd = new Crowd();
    const service = await startServiceProcess({ ...patience, DATA_DIR: dataDir });
    const family = isLinux ? familyOf(service.pid) : [];
    await crowd.createCoupon(service.url, couponName, 1_000_000);
    const { load, ended } = claimUntilRefused(crowd, service.url);
    await waitFor('answers', () => load.answers.size > 500);

    const startedMs = performance.now();
    service.signal(signal);
    const [exit] = await Promise.all([service.exited, ended]);
    const tookMs = performance.now() - startedMs;
    crowd.close();

    expect(exit).toEqual({ code: 0, signal: null });
    expect(tookMs).toBeLessThan(stopMsMax);
    // Whoever asked later was held up himself.
    expect(load.cut.filter(({ askedMs }) => askedMs < startedMs + lateRequestMs)).toEqual([]);
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
    await expectTruth(load);
  });
});

/** Who heard 200 holds, and who heard anything else, or nothing, does not. */
async function expectTruth(load: Load): Promise<void> {
  const postgres = await startBundledPostgres({ dataDir, say: () => {}, log: () => {} });
  const client = new pg.Client({ connectionString: postgres.url });
  try {
    await client.connect();
    const query = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows;
    expect(await audit(query, [...load.answers.values()])).toEqual([]);
    const stored = await claimIdsByUser(query, couponName);
    const won = [...load.answers].filter(([, { status }]) => status === 200);
    expect([...stored.keys()].sort()).toEqual(won.map(([userId]) => userId).sort());
  } finally {
    await client.end();
    await postgres.stop();
  }
}

describe('a signal', () => {
  it('to an idle service ends it at once, and sent twice is the same as once', async () => {
    const service = await startServiceProcess({ DATA_DIR: dataDir });
    const family = isLinux ? familyOf(service.pid) : [];
    service.signal('SIGINT');
    service.signal('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    expect(service.output()).toContain('stopping: answering what is under way');
    if (isLinux) await waitFor('end of every process', () => stillAlive(family).length === 0);
  });
});

describe.skipIf(!isLinux)('a log that cannot be written', () => {
  it.each([
    ['as its reader has gone', '{ SERVE 2>&1 >&3 | head -n 1 >&3; } 3>&1'],
    ['as the disk is full', 'SERVE 2>/dev/full'],
  ])('%s, does the service no harm', async (_why, command) => {
    const serve = commandOf(['serve'])
      .map((part) => `'${part}'`)
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

describe('a start that cannot be', () => {
  it('is told when another process serves from the data folder, and leaves that one alone', async () => {
    const first = await startServiceProcess({ DATA_DIR: dataDir });
    const second = await runToEnd({ DATA_DIR: dataDir });
    expect(second.code).toBe(1);
    expect(second.output).toMatch(/^firstcome: The data folder .* is in use by process \d+/m);
    expect(second.output).toContain(`process ${first.pid}`);
    const crowd = new Crowd();
    expect((await crowd.send(first.url, { path: '/health' })).status).toBe(200);
    crowd.close();
  });

  it('is told when the port is taken, and leaves no database running', async () => {
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
    ],
    // Two dots: no server of names is asked, which may take its time where there is none.
    [
      'postgres://ada:sesame@no-such-host..invalid/sale',
      'no-such-host..invalid/sale:\nfirstcome: getaddrinfo',
    ],
  ])('is told when nothing answers at %s, without the password', async (url, told) => {
    const { code, output } = await runToEnd({ DATABASE_URL: url, DATABASE_WAIT_MS: '0' });
    expect(code).toBe(1);
    expect(output).toContain(`firstcome: cannot use the database at ${told}`);
    expect(output).toContain('firstcome: Check that it runs and that DATABASE_URL names its host');
    expect(output).not.toContain('sesame');
  });

  it('is told when the database is stopped, refuses the password or is not there', async () => {
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

  it('is told every mistake in the settings at once, without their secrets', async () => {
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

  it('is told by exit code 2 when the command is not known', async () => {
    expect(await runToEnd({}, ['sell'])).toMatchObject({
      code: 2,
      output: expect.stringContaining("unknown command 'sell'"),
    });
  });
});
