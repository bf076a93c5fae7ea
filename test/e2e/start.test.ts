// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findInstallation, PostgresServer } from '../faults/postgres-server.ts';
import { Crowd } from '../support/crowd.ts';
import {
  endServiceProcesses,
  launch,
  runToEnd,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;
let primary: PostgresServer;

beforeAll(async () => {
  folder = await createTemporaryFolder('start');
  primary = await PostgresServer.create(await findInstallation(folder), join(folder, 'primary'));
});

afterAll(async () => {
  await primary.remove();
  await removeTemporaryFolder(folder);
});

afterEach(endServiceProcesses);

/** Starts a command, and makes the database usable once the command reports that it waits. */
async function startAndWait(
  args: string[],
  env: Record<string, string>,
  makeUsable: () => Promise<void>,
): Promise<ReturnType<typeof launch>> {
  const started = launch({ DATABASE_WAIT_MS: '600000', ...env }, args);
  await waitFor('report of the wait', () => started.output().includes('waiting for the database'));
  await makeUsable();
  return started;
}

describe.runIf(process.platform === 'linux')('a database that starts after the service', () => {
  it.each(['1', '2'])(
    'starts a service of %s processes once its database starts',
    async (workers) => {
      await primary.stop('fast');
      const env = { DATABASE_URL: primary.url(), WORKERS: workers };
      const service = await startAndWait(['serve'], env, () => primary.start());
      const url = await waitFor(
        'address of the service',
        () => /serves on (http:\S+)/.exec(service.output())?.[1],
        { timeoutMs: 120_000 },
      );
      const crowd = new Crowd();
      expect((await crowd.send(url, { path: '/health' })).status).toBe(200);
      crowd.close();
      const [line = ''] = service.output().split('\n');
      expect(JSON.parse(line)).toMatchObject({
        level: 40,
        msg: `waiting for the database at 127.0.0.1:${primary.port}/postgres`,
        reason: expect.stringContaining('ECONNREFUSED'),
      });
    },
  );

  it('migrates once the database starts', async () => {
    await primary.stop('fast');
    const env = { DATABASE_URL: primary.url() };
    const migrate = await startAndWait(['migrate'], env, () => primary.start());
    expect(await migrate.ended(), migrate.output()).toEqual({ code: 0, signal: null });
    expect(migrate.output()).toMatch(/up to date|applied/);
  });

  it('stops waiting for the database at a signal', async () => {
    await primary.stop('fast');
    const env = { DATABASE_URL: primary.url() };
    const service = await startAndWait(['serve'], env, async () => undefined);
    service.signal('SIGINT');
    expect(await service.ended(), service.output()).toEqual({ code: 0, signal: null });
    expect(service.output()).not.toContain('serves on');
    const migrate = await startAndWait(['migrate'], env, async () => undefined);
    migrate.signal('SIGINT');
    expect(await migrate.ended(), migrate.output()).toEqual({ code: null, signal: 'SIGINT' });
    await primary.start();
  });
});

it('starts once a standby is promoted', async () => {
  const standby = await primary.createStandby(join(folder, 'standby'), 'standby');
  try {
    const service = await startAndWait(['serve'], { DATABASE_URL: standby.url() }, async () => {
      await standby.query('select pg_promote()');
    });
    await waitFor('address of the service', () => service.output().includes('serves on'), {
      timeoutMs: 120_000,
    });
    expect(service.output()).toContain('it is in recovery, as a standby is, and takes no writes');
  } finally {
    await standby.remove();
  }
});

it('gives up on a missing database with lines of at most 80 columns', async () => {
  await primary.stop('fast');
  const env = { DATABASE_URL: primary.url(), DATABASE_WAIT_MS: '1' };
  for (const command of ['serve', 'migrate']) {
    const { code, output } = await runToEnd(env, [command]);
    expect(code).toBe(1);
    const lines = output.split('\n').filter((line) => line.startsWith('firstcome: '));
    expect(lines.join('\n')).toMatch(/ECONNREFUSED[\s\S]*\nfirstcome: Waited 0.001 s for it/);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  }
  await primary.start();
});

it('ignores the variables of libpq with the bundled PostgreSQL', async () => {
  const service = await startServiceProcess({
    ...{ DATA_DIR: join(folder, 'data'), WORKERS: '2' },
    ...{ PGHOST: '192.0.2.1', PGPORT: '1', PGUSER: 'eve', PGPASSWORD: 'x', PGDATABASE: 'other' },
    ...{ PGSSLMODE: 'verify-full', PGOPTIONS: '-c nothing=1', PGAPPNAME: 'eve' },
  });
  const crowd = new Crowd();
  await crowd.createCoupon(service.url, 'LAUNCH', 1);
  crowd.close();
});
