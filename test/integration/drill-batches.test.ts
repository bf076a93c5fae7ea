// SPDX-License-Identifier: GPL-3.0-or-later
/** The drill with many claims in one call: its history is audited as that of single claims. */
import { appendFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { patience, startService } from '../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
const apps: App[] = [];
let folder: string;
const cutsMax = 8;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firstcome-drill-'));
  database = await createTestDatabase();
  for (let node = 0; node < 2; node += 1) {
    apps.push(await startService({ ...patience, DATABASE_URL: database.url }));
  }
});

afterAll(async () => {
  for (const app of apps) await app.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Runs a scenario and returns its verdict, its output, and the completions of its claims by outcome. */
async function play(
  scenario: string,
  urls: readonly string[],
  options: { batch: number; faults?: string },
) {
  let said = '';
  const stdout = (text: string) => {
    said += text;
  };
  const history = join(folder, `${scenario}-${options.batch}.jsonl`);
  const verdict = await drill(
    loadConfig({ ...patience, DATABASE_URL: database.url }),
    {
      ...{ urls: [...urls], scenario, seed: 7, users: 400, units: 150, connections: 2 },
      ...{ rate: 800, seconds: 2, history, audit: true, ...options },
    },
    { stdout, stderr: () => undefined },
    new AbortController().signal,
  );
  const counts: Record<string, number> = {};
  for (const line of (await readFile(history, 'utf8')).trim().split('\n').slice(1)) {
    const { type, f, outcome } = JSON.parse(line);
    if (f === 'claim' && type !== 'invoke') counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return { verdict, said, counts };
}

/** How many calls with many claims the services have answered. */
async function callsServed(): Promise<number> {
  let calls = 0;
  for (const { url } of apps) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const counts = text.matchAll(
      /^firstcome_http_request_seconds_count\{.*"claimBatch".*\} (\d+)$/gm,
    );
    for (const [, count] of counts) calls += Number(count);
  }
  return calls;
}

it.each(['flash-sale', 'retry-storm'])(
  'passes %s with calls of up to 50 claims',
  async (scenario) => {
    const before = await callsServed();
    const { verdict, said, counts } = await play(
      scenario,
      apps.map(({ url }) => url),
      { batch: 50 },
    );
    expect(verdict, said).toBe('passed');
    expect(counts.claimed).toBe(150);
    const answers = Object.values(counts).reduce((sum, count) => sum + count, 0);
    expect(await callsServed()).toBeGreaterThan(before);
    expect((await callsServed()) - before).toBeLessThan(answers);
  },
);

/** A proxy that cuts each fifth connection that answers, before the client has all of the answer, in all `cutsMax` times. */
async function startCuttingProxy(
  url: string,
  onPhase: (phase: 'start' | 'end') => void,
): Promise<{ url: string; close(): void }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let answers = 0;
  let cuts = 0;
  const cutsIn = (bytes: Buffer) => {
    answers += 1;
    if (answers % 5 !== 0 || cuts === cutsMax || !bytes.includes('"results"')) return false;
    cuts += 1;
    if (cuts === 1) onPhase('start');
    if (cuts === cutsMax) onPhase('end');
    return true;
  };
  const server = createServer((client) => {
    const service = connect(Number(port), hostname);
    for (const socket of [client, service]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
    client.on('data', (bytes) => service.write(bytes));
    service.on('data', (bytes) => {
      const isCut = cutsIn(bytes);
      client.write(isCut ? bytes.subarray(0, bytes.length - 1) : bytes);
      if (isCut) client.destroySoon();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

it('passes with answers that are lost, whose claims are sent again with the same keys', async () => {
  const faults = join(folder, 'faults.jsonl');
  const proxy = await startCuttingProxy(apps[0]?.url ?? '', (phase) =>
    appendFileSync(faults, `${JSON.stringify({ fault: 'cut', phase, at: new Date() })}\n`),
  );
  try {
    const { verdict, said, counts } = await play('flash-sale', [proxy.url], { batch: 20, faults });
    expect(verdict, said).toBe('passed');
    expect(counts.reset).toBeGreaterThan(cutsMax);
    expect(counts.replayed).toBeGreaterThan(0);
  } finally {
    proxy.close();
  }
});
