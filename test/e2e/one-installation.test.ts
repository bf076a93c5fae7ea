// SPDX-License-Identifier: GPL-3.0-or-later
/** The service and the library on one database, with the role, the URL and the program of the documentation. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { range } from '../support/crowd.ts';
import { familyOf } from '../support/process-family.ts';
import { migrateAsReleased } from '../support/released-migrations.ts';
import {
  endServiceProcesses,
  patience,
  runToEnd,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let folder: string;
let server: PostgresServer;
let url: string;
let service: ServiceProcess | undefined;

/** The statements in the README for an external PostgreSQL, and the URL below them. */
async function readmeSetup(): Promise<{ statements: string[]; databaseUrl: string }> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const sql = /```sql\n(create role [\s\S]+?)```/.exec(readme)?.[1] ?? '';
  const databaseUrl = /DATABASE_URL=(postgres:\S+) npm start/.exec(readme)?.[1] ?? '';
  expect(sql).not.toBe('');
  expect(databaseUrl).not.toBe('');
  return { statements: sql.split(';').filter((statement) => statement.trim()), databaseUrl };
}

beforeAll(async () => {
  folder = await createTemporaryFolder('one');
  server = await PostgresServer.create(await findInstallation(folder), join(folder, 'data'));
});

afterAll(async () => {
  await server.remove();
  await removeTemporaryFolder(folder);
});

beforeEach(async () => {
  const { statements, databaseUrl } = await readmeSetup();
  for (const statement of statements) await server.query(statement);
  const own = new URL(databaseUrl);
  own.port = String(server.port);
  url = own.href;
});

afterEach(async () => {
  await endServiceProcesses();
  service = undefined;
  await server.query('drop database firstcome with (force)');
  await server.query('drop role firstcome');
});

async function call(path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${service?.url}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const claim = async (userId: string) =>
  (await call('/api/coupons/claim', { user_id: userId, coupon_name: 'SALE' })).status;

const runExample = () =>
  run(process.execPath, [join(root, 'examples/embed.mjs')], { env: { DATABASE_URL: url } });

/** A sale of two units, during which a program with the embedded engine uses the same database. */
async function sellTwoUnits(): Promise<void> {
  service = await startServiceProcess({ ...patience, DATABASE_URL: url });
  expect(await call('/api/coupons', { name: 'SALE', amount: 2 })).toMatchObject({ status: 201 });
  expect(await claim('ada')).toBe(200);
  const { stdout } = await runExample();
  expect(stdout).toContain('2 of 2 claimed, by ada and bob');

  expect(await call('/api/coupons/SALE')).toMatchObject({
    status: 200,
    body: { amount: 2, remaining_amount: 1, claimed_by: ['ada'] },
  });
  expect(await call('/api/coupons', { name: 'SALE', amount: 2 })).toMatchObject({ status: 409 });
  expect([await claim('ada'), await claim('bob'), await claim('eve')]).toEqual([409, 200, 400]);
  const { body } = await call('/api/coupons');
  const names = (body as { coupons: { name: string }[] }).coupons.map(({ name }) => name);
  expect(names).toEqual(['SALE', expect.stringMatching(/^EMBED-\d+$/)]);
}

const schemasWithCoupons = () =>
  server.query<{ schema: string }>(
    `select schemaname as schema from pg_tables where tablename = 'coupons' order by 1`,
    { database: 'firstcome' },
  );

describe('a service with the role of the README next to the embedded example', () => {
  it('sells each unit once on a new database', async () => {
    await sellTwoUnits();
    expect(await schemasWithCoupons()).toEqual([{ schema: 'firstcome' }]);
  });

  it('sells each unit once on the tables of an earlier release in the schema public', async () => {
    await migrateAsReleased(url);
    await sellTwoUnits();
    expect(await schemasWithCoupons()).toEqual([{ schema: 'public' }]);
  });

  it('shares the installation that the example has created', async () => {
    await runExample();
    service = await startServiceProcess({ ...patience, DATABASE_URL: url });
    expect(await call('/api/coupons')).toMatchObject({
      body: { coupons: [{ name: expect.stringMatching(/^EMBED-/), remaining_amount: 0 }] },
    });
  });
});

describe('a service with two workers whose tables are replaced', () => {
  const reasons = async () => {
    // Each request has its own connection, so that both workers answer.
    const answers = await Promise.all(range(8).map(() => call('/health')));
    return answers.map(({ body }) => (body as { reason?: string }).reason);
  };
  const workers = () =>
    familyOf(service?.pid ?? 0).filter(({ command }) => command.includes(' worker '));
  const untilAllStopped = () =>
    waitFor('stop of both workers', async () =>
      (await reasons()).every((reason) => reason === 'installation_changed'),
    );

  it('stops claims in both workers and in a replaced one until the service restarts', async () => {
    const env = { ...patience, DATABASE_URL: url, WORKERS: '2' };
    service = await startServiceProcess(env);
    expect(await call('/api/coupons', { name: 'SALE', amount: 1 })).toMatchObject({ status: 201 });
    const other = ['migrate', '--new-installation'];
    const made = await runToEnd({ DATABASE_URL: url, DATABASE_SCHEMA: 'other' }, other);
    expect(made.code, made.output).toBe(0);
    expect(made.output).toContain('schema other');
    await server.query(
      `begin;
       alter schema firstcome rename to aside;
       alter schema other rename to firstcome;
       drop schema aside cascade;
       commit`,
      { database: 'firstcome' },
    );
    await untilAllStopped();
    await waitFor('lines of both workers', () => linesAboutStop() >= 2);
    expect(await claim('ada')).toBe(503);

    const [killed] = workers();
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await waitFor('another worker', () => {
      const pids = workers().map(({ pid }) => pid);
      return pids.length === 2 && !pids.includes(killed?.pid ?? 0);
    });
    await waitFor('line of the third worker', () => linesAboutStop() >= 3);
    await untilAllStopped();
    expect(linesAboutStop()).toBe(3);

    await endServiceProcesses();
    service = await startServiceProcess(env);
    expect(await call('/health')).toMatchObject({ status: 200 });
    expect(await call('/api/coupons')).toMatchObject({ body: { coupons: [] } });
  });

  const linesAboutStop = () =>
    (service?.output() ?? '').split('the database is not the one of the start').length - 1;
});
