// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit, drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let apps: App[];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-drill-'));
  database = await createTestDatabase();
  apps = [];
  for (let node = 0; node < 2; node += 1) {
    apps.push(await startService({ DATABASE_URL: database.url }));
  }
});

afterAll(async () => {
  for (const app of apps) await app.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Plays a small scenario on both nodes and tells the verdict, and what was said. */
async function play(scenario: string) {
  let said = '';
  const output = {
    stdout: (text: string) => {
      said += text;
    },
    stderr: () => undefined,
  };
  const config = loadConfig({ DATABASE_URL: database.url });
  const history = join(folder, `${scenario}.jsonl`);
  const verdict = await drill(
    config,
    {
      ...{ scenario, urls: apps.map(({ url }) => url), seed: 7, users: 300, units: 60 },
      ...{ rate: 300, seconds: 2, history, audit: true },
    },
    output,
    new AbortController().signal,
  );
  return { verdict, said, judgeAgain: () => audit(config, { historyFile: history }, output) };
}

it.each(['flash-sale', 'double-dip', 'retry-storm', 'mixed'])(
  'a drill of %s over two nodes passes its audit',
  async (scenario) => {
    const { verdict, said, judgeAgain } = await play(scenario);
    expect(said).toContain('verdict: passed');
    expect(verdict).toBe('passed');
    expect(await judgeAgain()).toBe('passed');
  },
);

it('the audit finds an acknowledged claim that is gone', async () => {
  const { verdict, judgeAgain } = await play('flash-sale');
  expect(verdict).toBe('passed');
  await database.query('delete from claims where position = 3');
  expect(await judgeAgain()).toBe('failed');
});
