// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { HistoryEvent } from '../../src/proof/history.ts';
import { hasRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

describe.skipIf(!(await hasRedis()))('a drill with cached reads of two services', () => {
  let database: TestDatabase;
  let redis: RedisServer;
  const apps: App[] = [];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firstcome-drill-'));
    database = await createTestDatabase();
    redis = await startRedis();
    const env = { ...patience, DATABASE_URL: database.url, REDIS_URL: redis.url };
    for (let node = 0; node < 2; node += 1) apps.push(await startService(env));
  });
  afterAll(async () => {
    for (const app of apps) await app.stop();
    await database?.drop();
    await redis?.remove();
    await rm(folder, { recursive: true });
  });

  /** Plays a scenario, and returns its verdict and the answers to its reads. */
  async function play(scenario: string, name = scenario) {
    const history = join(folder, `${name}.jsonl`);
    let said = '';
    const output = {
      stdout: (text: string) => {
        said += text;
      },
      stderr: () => undefined,
    };
    const verdict = await drill(
      loadConfig({ ...patience, DATABASE_URL: database.url }),
      {
        ...{ scenario, seed: 7, users: 400, units: 100, rate: 200, seconds: 2, readMaxAgeS: 1 },
        ...{ urls: apps.map(({ url }) => url), history, audit: true },
      },
      output,
      new AbortController().signal,
    );
    const events = (await readFile(history, 'utf8')).trim().split('\n').slice(1);
    const reads = events
      .map((line) => JSON.parse(line) as HistoryEvent)
      .filter(({ f, type }) => f === 'read' && type === 'ok');
    return { verdict, said, reads };
  }

  /** Resolves when the drill has written so much of its history. */
  const untilWritten = (name: string, bytes: number) =>
    waitFor(`${bytes} bytes of ${name}`, async () => {
      const written = await stat(join(folder, `${name}.jsonl`)).catch(() => undefined);
      return (written?.size ?? 0) >= bytes;
    });

  it.each(['holds', 'mixed'])(
    'passes %s, and judges answers that are older than their request',
    async (scenario) => {
      const { verdict, said, reads } = await play(scenario);
      expect(verdict, said).toBe('passed');
      expect(reads.some(({ age_s: ageS }) => ageS === 1)).toBe(true);
      expect(reads.some(({ age_s: ageS }) => ageS === undefined)).toBe(true);
      expect(reads.every(({ age_s: ageS }) => (ageS ?? 0) <= 1)).toBe(true);
    },
  );

  it('passes while Redis is emptied, frozen and started again', async () => {
    const name = 'faults';
    const playing = play('mixed', name);
    await untilWritten(name, 30_000);
    await redis.command('FLUSHALL');
    await untilWritten(name, 60_000);
    redis.freeze();
    await untilWritten(name, 120_000);
    redis.resume();
    await redis.stop();
    await untilWritten(name, 150_000);
    await redis.start();
    const { verdict, said, reads } = await playing;
    expect(verdict, said).toBe('passed');
    expect(reads.some(({ age_s: ageS }) => ageS === 1)).toBe(true);
  });
});
