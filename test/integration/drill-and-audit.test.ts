// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectionConfig } from '../../src/adapters/postgres/connections/connection-config.ts';
import { audit, drill } from '../../src/app/proof.ts';
import type { App } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { assertDump } from '../../src/proof/audit/dump-file.ts';
import { RecordingError } from '../../src/proof/audit/read-lines.ts';
import { takeDump } from '../../src/proof/audit/take-dump.ts';
import { patience, startService } from '../support/service.ts';
import {
  createRole,
  createTestDatabase,
  schema,
  type TestDatabase,
} from '../support/test-database.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

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
  faults?: string;
  files?: { history?: string; jsonReport?: string; htmlReport?: string };
};

/** Runs a small scenario, by default on both nodes, and returns the verdict and the output. */
async function play(scenario: string, place: Place = { urls: apps.map(({ url }) => url) }) {
  let said = '';
  const output = {
    stdout: (text: string) => {
      said += text;
    },
    stderr: () => undefined,
  };
  const config = loadConfig({ ...patience, DATABASE_URL: database.url, ...place.env });
  const history = join(folder, `${scenario}.jsonl`);
  const verdict = await drill(
    config,
    {
      ...(place.urls !== undefined && { urls: place.urls }),
      ...{ scenario, seed: 7, users: 300, units: 60 },
      ...{ rate: 300, seconds: 2, history, audit: true },
      ...(place.faults !== undefined && { faults: place.faults }),
      ...place.files,
    },
    output,
    new AbortController().signal,
  );
  const judgeAgain = (faults?: string) =>
    audit(config, { historyFile: history, ...(faults !== undefined && { faults }) }, output);
  return { verdict, said, judgeAgain };
}

/** A proxy that cuts off a hundred requests during a fault that its file lists. */
async function startBreakingProxy(
  url: string,
  onPhase: (phase: 'start' | 'end') => Promise<void>,
): Promise<{ url: string; close(): void }> {
  const { hostname, port } = new URL(url);
  let pieces = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const service = connect(Number(port), hostname);
    for (const [one, other] of [
      [client, service],
      [service, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => other.destroy());
    }
    service.pipe(client);
    client.on('data', async (piece) => {
      pieces += 1;
      const now = pieces;
      if (now === 50) await onPhase('start');
      if (now > 100 && now < 200) return void client.destroy();
      if (now === 200) await onPhase('end');
      service.write(piece);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

it.each(['flash-sale', 'double-dip', 'retry-storm', 'mixed', 'holds', 'redeem'])(
  'a drill of %s over two nodes passes its audit',
  async (scenario) => {
    const { verdict, said, judgeAgain } = await play(scenario);
    expect(said).toContain('verdict: passed');
    expect(verdict).toBe('passed');
    const left = await database.query(
      `select name from coupons where name like $1 and not archived`,
      [`drill-${scenario}-%`],
    );
    expect(left).toEqual([]);
    expect(await judgeAgain()).toBe('passed');
  },
);

it('the reports of a drill begin with its verdict and say which rules were skipped', async () => {
  const files = {
    jsonReport: join(folder, 'judged.json'),
    htmlReport: join(folder, 'judged.html'),
  };
  await play('flash-sale', { urls: apps.map(({ url }) => url), files });
  const text = await readFile(files.jsonReport, 'utf8');
  expect(text).toMatch(/^\{\n {2}"verdict": "passed",\n/);
  const { rules } = JSON.parse(text).audit;
  expect(rules).toHaveLength(30);
  expect(rules.find(({ rule }: { rule: string }) => rule === 'R6')).toMatchObject({
    ...{ verdict: 'skipped', notes: ['nothing to check: no claim has an unknown outcome'] },
  });
  expect(await readFile(files.htmlReport, 'utf8')).toContain('Verdict: passed');
});

it('the reports of a drill that was not audited say so', async () => {
  const files = { jsonReport: join(folder, 'unjudged.json') };
  const env = { DATABASE_URL: '', DATA_DIR: join(folder, 'no-data') };
  await play('flash-sale', { urls: apps.map(({ url }) => url), env, files });
  const { verdict, audit } = JSON.parse(await readFile(files.jsonReport, 'utf8'));
  expect(verdict).toBe('unknown');
  expect(audit.notes).toEqual([expect.stringMatching(/^not judged: to audit it, run: firstcome/)]);
});

it.each(['127.0.0.2', '0.0.0.0', ...(hasIpv6 ? ['::1'] : [])])(
  'finds the service on the port and on HOST=%s as the settings name them',
  async (HOST) => {
    const env = { HOST, ALLOW_ANONYMOUS_ADMIN: 'true' };
    const app = await startService({ ...patience, DATABASE_URL: database.url, ...env });
    const { port } = new URL(app.url);
    try {
      const { verdict } = await play('flash-sale', { env: { ...env, PORT: port } });
      expect(verdict).toBe('passed');
    } finally {
      await app.stop();
    }
  },
);

it('the audit refuses a database that the service does not use', async () => {
  const other = await createTestDatabase();
  const env = { DATABASE_URL: other.url };
  await (await startService(env)).stop();
  const urls = apps.slice(0, 1).map(({ url }) => url);
  try {
    await expect(play('flash-sale', { urls, env })).rejects.toThrow(
      `the service at ${urls[0]} uses another database`,
    );
  } finally {
    await other.drop();
  }
});

it('the audit reads the schema of the service, whatever its own search path is', async () => {
  await database.query('create schema other');
  await database.query('create table other.coupons (like coupons)');
  const role = await createRole(database, 'superuser');
  try {
    await database.query(`alter role ${role.name} set search_path = other`);
    const url = role.urlOn(database.url);
    const urls = apps.slice(0, 1).map((app) => app.url);
    const { verdict, judgeAgain } = await play('flash-sale', {
      ...{ urls, env: { DATABASE_URL: url.href } },
    });
    expect(verdict).toBe('passed');
    expect(await judgeAgain()).toBe('passed');
  } finally {
    await role.drop();
    await database.query('drop schema other cascade');
  }
});

it('the audit refuses a schema without an installation, and says where there is one', async () => {
  const urls = apps.slice(0, 1).map((app) => app.url);
  const env = { DATABASE_SCHEMA: 'sale' };
  await expect(play('flash-sale', { urls, env })).rejects.toThrow(
    'the database has no installation in schema sale\nIt has one in firstcome.\nSet DATABASE_URL and',
  );
});

it('the drill names a file that it cannot write before its first request, and keeps the last history', async () => {
  const files = { history: join(folder, 'kept.jsonl'), jsonReport: join(folder, 'none/report') };
  await writeFile(files.history, 'kept');
  const refused = play('flash-sale', { files });
  await expect(refused).rejects.toThrow(
    /none\/report: its folder does not exist: create the folder/,
  );
  await expect(refused).rejects.toThrow(RecordingError);
  expect(await readFile(files.history, 'utf8')).toBe('kept');
});

it('the drill does not overwrite the file of injected faults', async () => {
  const history = join(folder, 'kept.jsonl');
  await writeFile(history, 'kept');
  const refused = play('flash-sale', {
    files: { history },
    faults: join(folder, '.', 'kept.jsonl'),
  });
  await expect(refused).rejects.toThrow('faults must be a file that the drill does not write');
  expect(await readFile(history, 'utf8')).toBe('kept');
});

it('the drill reports mistakes of the command line before those of a file', async () => {
  const refused = play('storm', { files: { history: join(folder, 'none/history') } });
  await expect(refused).rejects.toThrow(/^scenario must be one of flash-sale, /);
});

it('the drill says first that it cannot audit, and last how to audit', async () => {
  const env = { DATABASE_URL: '', DATA_DIR: join(folder, 'no-data') };
  const { verdict, said } = await play('flash-sale', { urls: apps.map(({ url }) => url), env });
  expect(verdict).toBe('unknown');
  expect(said).toMatch(/^cannot audit: there is no database here\.\nSet DATABASE_URL/);
  expect(said).toMatch(/\nnot judged; to audit it, run: firstcome audit \S+flash-sale\.jsonl\n$/);
});

it('the drill says how to audit its history when it cannot do so itself', async () => {
  const faults = join(folder, 'never-written.jsonl');
  const unjudged = play('flash-sale', { urls: apps.map(({ url }) => url), faults });
  const byHand = `firstcome audit ${join(folder, 'flash-sale.jsonl')} --faults ${faults}`;
  await expect(unjudged).rejects.toThrow(`${faults}: there is no such file`);
  await expect(unjudged).rejects.toThrow(`\nThen audit with: ${byHand}`);
});

it('the drill leaves no file behind when it does not start', async () => {
  const files = {
    history: join(folder, 'unbegun.jsonl'),
    jsonReport: join(folder, 'unbegun.json'),
  };
  const refused = play('flash-sale', { urls: ['http://127.0.0.1:1'], files });
  await expect(refused).rejects.toThrow('nothing listens at http://127.0.0.1:1: start');
  for (const file of Object.values(files)) expect(existsSync(file)).toBe(false);
});

it('the audit blames a broken connection on the service, unless the fault file lists it', async () => {
  const faults = join(folder, 'faults.jsonl');
  const proxy = await startBreakingProxy(apps[0]?.url ?? '', (phase) =>
    appendFile(faults, `${JSON.stringify({ fault: 'cut', phase, at: new Date() })}\n`),
  );
  try {
    const { verdict, said, judgeAgain } = await play('flash-sale', { urls: [proxy.url], faults });
    expect(said).toContain('reset');
    expect(verdict).toBe('passed');
    expect(await judgeAgain()).toBe('failed');
    expect(await judgeAgain(faults)).toBe('passed');
  } finally {
    proxy.close();
  }
});

it('the audit names a file that it cannot use', async () => {
  const output = { stdout: () => undefined, stderr: () => undefined };
  const config = loadConfig({ ...patience, DATABASE_URL: database.url });
  const [none, text] = [join(folder, 'none'), join(folder, 'text')];
  await writeFile(text, '# A page');
  const empty = join(folder, 'empty');
  await writeFile(empty, '{}');
  for (const [options, message] of [
    [{ historyFile: none }, `${none}: there is no such file`],
    [{ historyFile: folder }, `${folder}: is a folder`],
    [{ historyFile: text }, `${text}: line 1 is not JSON: name the history of a`],
    [{ historyFile: text, dump: none }, `${none}: there is no such file`],
    [{ historyFile: text, dump: text }, `${text}: this is not a dump: name a file that`],
    [{ historyFile: text, dump: empty }, `${empty}: this is not a dump: name a file that`],
    [
      { historyFile: text, writeDump: join(none, 'x') },
      `${join(none, 'x')}: its folder does not exist`,
    ],
  ] as const) {
    const judged = audit(config, options, output);
    await expect(judged).rejects.toThrow(message);
    await expect(judged).rejects.toThrow(RecordingError);
  }
});

it('the audit finds an acknowledged confirm that is missing, and an acknowledged redemption', async () => {
  const held = await play('holds');
  expect(held.verdict).toBe('passed');
  await database.query('create table kept as select claim_id, confirmed_at from claims');
  await database.query('update claims set confirmed_at = null where confirmed_at is not null');
  expect(await held.judgeAgain()).toBe('failed');
  await database.query(
    'update claims c set confirmed_at = k.confirmed_at from kept k where c.claim_id = k.claim_id',
  );
  expect(await held.judgeAgain()).toBe('passed');
  const redeemed = await play('redeem');
  expect(redeemed.verdict).toBe('passed');
  await database.query('alter table redemptions rename to kept_redemptions');
  await database.query('create table redemptions (like kept_redemptions)');
  expect(await redeemed.judgeAgain()).toBe('failed');
  await database.query('drop table redemptions');
  await database.query('alter table kept_redemptions rename to redemptions');
  await database.query('drop table kept');
});

it('the audit finds an acknowledged claim that is missing', async () => {
  const { verdict, judgeAgain } = await play('flash-sale');
  expect(verdict).toBe('passed');
  await database.query('delete from claims where position = 3');
  expect(await judgeAgain()).toBe('failed');
});

it('the dump of a database of an earlier release has no tables of claims that end', async () => {
  const place = { config: connectionConfig(database.url, { name: 'dump' }), schema };
  expect((await takeDump(place)).released_claims).toBeInstanceOf(Array);
  await database.query('alter table released_claims rename to not_yet_there');
  const dump = await takeDump(place);
  await database.query('alter table not_yet_there rename to released_claims');
  expect(Object.keys(dump)).not.toContain('released_claims');
  expect(Object.keys(dump)).not.toContain('redemptions');
  expect(dump.claims.length).toBeGreaterThan(0);
  assertDump(dump);
});
