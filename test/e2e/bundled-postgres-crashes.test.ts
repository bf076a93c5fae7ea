// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BundledPostgres } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import {
  connect,
  expectNoRecovery,
  isLinux,
  isReady,
  isRoot,
  kill,
  query,
  start,
  startChild,
  testFolder,
  until,
  useBundledLauncher,
  waitForEnd,
} from '../support/bundled-launcher.ts';
import { listenOn } from '../support/listen-on.ts';
import {
  isAlive,
  killAtOnce,
  parentOf,
  postmasterPid,
  programOf,
  serverPids,
} from '../support/server-processes.ts';

useBundledLauncher();

describe('the bundled PostgreSQL after a kill', () => {
  it('shuts the server down cleanly after a kill of the service', async () => {
    const child = startChild({});
    const { url } = await child.next(isReady);
    const session = await connect(url);
    await session.query('create table rows (id int)');
    const pids = serverPids(testFolder());
    expect(pids.length).toBeGreaterThan(3);
    await kill(child);
    await waitForEnd();
    expect(existsSync(join(testFolder(), 'data/postgres/data/postmaster.pid'))).toBe(false);
    const server = await start();
    expectNoRecovery(server);
    expect(await query(server.url, 'select count(*)::int from rows')).toEqual([0]);
  });

  it('starts at once after a kill of the service, while the old server may still run', async () => {
    const child = startChild({});
    await child.next(isReady);
    await kill(child);
    const server = await start();
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('restarts a killed server on its port with its data', async () => {
    const server = await start();
    await query(server.url, 'create table rows as select 7 as value');
    process.kill(postmasterPid(join(testFolder(), 'data')), 'SIGKILL');
    await until('end of the server', () => !server.alive());
    await until('restart of the server', () => server.alive());
    expect(await query(server.url, 'select value from rows')).toEqual([7]);
    expect(server.logged.map(({ message }) => message)).toContain(
      'PostgreSQL ended unexpectedly; restarting it',
    );
  });

  it.skipIf(!isLinux)('restarts a killed server as soon as its port is free again', async () => {
    const server = await start();
    process.kill(postmasterPid(join(testFolder(), 'data')), 'SIGKILL');
    const other = await listenOn(server.port);
    await until('failed restart', () =>
      server.logged.some(({ reason }) => /in use/.test(String(reason))),
    );
    expect(server.alive()).toBe(false);
    await new Promise((resolve) => other.close(resolve));
    await until('restart of the server', () => server.alive());
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('restarts the server after a kill of its shell', async () => {
    const server = await start();
    const before = postmasterPid(join(testFolder(), 'data'));
    process.kill(parentOf(before), 'SIGKILL');
    await until('end of the server', () => !server.alive());
    await until('restart of the server', () => server.alive());
    expect(postmasterPid(join(testFolder(), 'data'))).not.toBe(before);
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('does not restart a killed server after a stop', async () => {
    const moments = [
      async () => {},
      (server: BundledPostgres) => until('end of the server', () => !server.alive()),
    ];
    for (const isMoment of moments) {
      const server = await start();
      process.kill(postmasterPid(join(testFolder(), 'data')), 'SIGKILL');
      await isMoment(server);
      await server.stop();
      expect(serverPids(testFolder())).toEqual([]);
      expect(server.alive()).toBe(false);
    }
  });

  it.skipIf(!isLinux)('ends an orphaned server cleanly and replaces it', async () => {
    const child = startChild({});
    await child.next(isReady);
    const orphan = postmasterPid(join(testFolder(), 'data'));
    // The shell may start the watcher after the server.
    const shells = () => serverPids(testFolder()).filter((pid) => programOf(pid).endsWith('sh'));
    await until('both shells', () => shells().length >= 2);
    const exited = once(child.process, 'exit');
    killAtOnce([...shells(), child.pid]);
    await exited;
    const server = await start();
    expectNoRecovery(server);
    expect(postmasterPid(join(testFolder(), 'data'))).not.toBe(orphan);
    expect(await query(server.url, 'select 1')).toEqual([1]);
    expect(server.lines[0]).toContain('earlier run is still stopping');
  });

  it.skipIf(!isLinux)('ends an orphaned busy session, and has every acknowledged row', async () => {
    const child = startChild({});
    const { url } = await child.next(isReady);
    const writer = await connect(url);
    await writer.query('create table rows (id int primary key)');
    const busy = await connect(url);
    const { rows } = await busy.query('select pg_backend_pid() as pid');
    const busyPid: number = rows[0].pid;
    void busy.query('select count(*) from generate_series(1, 100000000000)').catch(() => {});
    const activity = `select from pg_stat_activity where pid = ${busyPid} and state = 'active'
        and query like '%generate_series%'`;
    await until('busy session', async () => (await writer.query(activity)).rows.length >= 1);
    let acknowledged = 0;
    const writing = (async () => {
      for (;;) {
        await writer.query('insert into rows values ($1)', [acknowledged + 1]);
        acknowledged += 1;
      }
    })().catch(() => {});
    await until('acknowledged rows', () => acknowledged > 200);
    const postmaster = postmasterPid(join(testFolder(), 'data'));
    const exited = once(child.process, 'exit');
    killAtOnce([child.pid, parentOf(postmaster), postmaster]);
    await Promise.all([writing, exited]);
    expect(isAlive(busyPid)).toBe(true);

    const server = await start();
    expect(isAlive(busyPid)).toBe(false);
    const [count] = await query(server.url, 'select count(*)::int from rows');
    // The acknowledgement of one more row may have been lost.
    expect([acknowledged, acknowledged + 1]).toContain(count);
    expect(server.lines).toHaveLength(1);
  });

  it('uses nothing that a kill during the first start has left', async () => {
    const dataDir = join(testFolder(), 'data');
    for (const pauseWith of ['', 'data/PG_VERSION', 'data/base/5']) {
      const child = startChild({ pauseWith });
      expect(await child.next(({ paused }) => paused === true)).toEqual({ paused: true });
      await kill(child);
      expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    }
    const server = await start();
    expect(await query(server.url, 'select current_database()')).toEqual(['firstcome']);
    expect((await fs.readdir(dataDir)).sort()).toEqual(['owners', 'postgres', 'server.json']);
  });

  it.skipIf(!isLinux)(
    'starts although the pid in the lock file of the server belongs to another program',
    async () => {
      const server = await start();
      const file = join(testFolder(), 'data/postgres/data/postmaster.pid');
      const text = await fs.readFile(file, 'utf8');
      const { uid, gid } = await fs.stat(file);
      await server.stop();
      // PostgreSQL checks only processes of its own user.
      const ids = isRoot ? { uid, gid } : {};
      const unrelated = spawn('sleep', ['60'], { ...ids, cwd: '/', stdio: 'ignore' });
      try {
        await fs.writeFile(file, text.replace(/^\d+/, String(unrelated.pid)), { mode: 0o600 });
        if (isRoot) await fs.chown(file, uid, gid);
        const again = await start();
        expect(await query(again.url, 'select 1')).toEqual([1]);
        expect(again.lines).toEqual([]);
      } finally {
        unrelated.kill();
      }
    },
  );
});
