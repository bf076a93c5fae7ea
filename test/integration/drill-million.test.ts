// SPDX-License-Identifier: GPL-3.0-or-later
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
const apps: App[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  for (let node = 0; node < 2; node += 1) {
    apps.push(await startService({ ...patience, DATABASE_URL: database.url }));
  }
});

afterAll(async () => {
  for (const app of apps) await app.stop();
  await database.drop();
});

async function play(options: { env?: Record<string, string>; faults?: string } = {}) {
  const { env, ...others } = options;
  let printed = '';
  const stdout = (text: string) => {
    printed += text;
  };
  const verdict = await drill(
    loadConfig({ ...patience, DATABASE_URL: database.url, ...env }),
    {
      ...{ scenario: 'million', seed: 7, users: 3000, units: 200, connections: 32, audit: true },
      ...{ urls: apps.map(({ url }) => url), ...others },
    },
    { stdout, stderr: () => undefined },
    new AbortController().signal,
  );
  return { verdict, printed };
}

it('passes the audit of a drill without a history, over two nodes', async () => {
  const { verdict, printed } = await play();
  expect(printed).toContain('history: none; the drill counted the answers');
  expect(printed).toMatch(/^R3 +passed +200 /m);
  expect(printed).toMatch(/^R4 +passed +200 /m);
  expect(printed).toMatch(/^R9 +passed +2 /m);
  expect(printed).toContain('verdict: passed');
  expect(verdict).toBe('passed');
});

it('says that a drill without a history cannot be audited later', async () => {
  const { verdict, printed } = await play({ env: { DATABASE_URL: '', DATA_DIR: '/nowhere' } });
  expect(verdict).toBe('unknown');
  expect(printed).toContain('not judged; a drill without a history cannot be audited later');
});

it('takes no faults for a drill without a history', async () => {
  await expect(play({ faults: 'faults.jsonl' })).rejects.toThrow('has no history');
});
