// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit, drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { RecordingError } from '../../src/proof/audit/read-lines.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let apps: App[];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-drill-'));
  database = await createTestDatabase();
  apps = [];
  for (let node = 0; node < 2; node += 1) {
    apps.push(await startService({ ...patience, DATABASE_URL: database.url }));
  }
});

afterAll(async () => {
  for (const app of apps) await app.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

type Place = {
  urls?: string[];
  env?: Record<string, string>;
  files?: { history?: string; jsonReport?: string };
};

/** Plays a small scenario, on both nodes unless told otherwise, and tells the verdict, and what was said. */
async function play(scenario: string, place: Place = { urls: apps.map(({ url }) => url) }) {
  let said = '';
  const output = {
    stdout: (text: string) => {
      said += text;
    },
    stderr: () => undefined,
  };
  const config = loadConfig({ DATABASE_URL: database.url, ...place.env });
  const history = join(folder, `${scenario}.jsonl`);
  const verdict = await drill(
    config,
    {
      ...(place.urls !== undefined && { urls: place.urls }),
      ...{ scenario, seed: 7, users: 300, units: 60 },
      ...{ rate: 300, seconds: 2, history, audit: true },
      ...place.files,
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

it('finds the service on the port that the settings name', async () => {
  const { verdict } = await play('flash-sale', { env: { PORT: new URL(apps[0]?.url ?? '').port } });
  expect(verdict).toBe('passed');
});

it('judges nobody by a database that the service does not use', async () => {
  const other = await createTestDatabase();
  const env = { DATABASE_URL: other.url };
  await (await startService(env)).stop();
  const urls = apps.slice(0, 1).map(({ url }) => url);
  try {
    await expect(play('flash-sale', { urls, env })).rejects.toThrow(
      `the service at ${urls[0]} does not use the database that would judge it`,
    );
  } finally {
    await other.drop();
  }
});

it('names a file that it cannot write before it asks anything, and leaves the last history', async () => {
  const files = { history: join(folder, 'kept.jsonl'), jsonReport: join(folder, 'none/report') };
  await writeFile(files.history, 'kept');
  const refused = play('flash-sale', { files });
  await expect(refused).rejects.toThrow(/none\/report: ENOENT: no such file or directory/);
  await expect(refused).rejects.toThrow(RecordingError);
  expect(await readFile(files.history, 'utf8')).toBe('kept');
});

it('the audit names a file that it cannot use', async () => {
  const output = { stdout: () => undefined, stderr: () => undefined };
  const config = loadConfig({ DATABASE_URL: database.url });
  const [none, text] = [join(folder, 'none'), join(folder, 'text')];
  await writeFile(text, '# A page');
  const empty = join(folder, 'empty');
  await writeFile(empty, '{}');
  for (const [options, told] of [
    [{ historyFile: none }, `${none}: ENOENT`],
    [{ historyFile: folder }, `${folder}: EISDIR`],
    [{ historyFile: text }, `${text}: line 1: is not JSON`],
    [{ historyFile: text, dump: none }, `${none}: ENOENT`],
    [{ historyFile: text, dump: text }, `${text}: `],
    [{ historyFile: text, dump: empty }, `${empty}: this is not a dump`],
    [{ historyFile: text, writeDump: join(none, 'x') }, `${join(none, 'x')}: ENOENT`],
  ] as const) {
    const judged = audit(config, options, output);
    await expect(judged).rejects.toThrow(told);
    await expect(judged).rejects.toThrow(RecordingError);
  }
});

it('the audit finds an acknowledged claim that is gone', async () => {
  const { verdict, judgeAgain } = await play('flash-sale');
  expect(verdict).toBe('passed');
  await database.query('delete from claims where position = 3');
  expect(await judgeAgain()).toBe('failed');
});
