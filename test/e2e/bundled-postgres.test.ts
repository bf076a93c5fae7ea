// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findRunningServer } from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';
import { startWatchedProcess } from '../../src/adapters/bundled-postgres/watched-process.ts';
import { endsWithin } from '../../src/adapters/postgres/connections/ends-within.ts';
import {
  connect,
  copyPackage,
  failureOf,
  isLinux,
  isReady,
  isRoot,
  kill,
  otherUser,
  query,
  run,
  start,
  startChild,
  testFolder,
  until,
  useBundledLauncher,
} from '../support/bundled-launcher.ts';
import { listenOn } from '../support/listen-on.ts';
import { isAlive, postmasterPid, serverPids } from '../support/server-processes.ts';

useBundledLauncher();

const systemBinDirs = findSystemBinDirs();
// That of this process.
const account = { name: 'own', prefix: [], ids: {}, files: undefined };
// Only ends a test that hangs.
const endMsMax = 60_000;

describe('a running bundled PostgreSQL', () => {
  for (const binDir of [undefined, ...systemBinDirs]) {
    const which = binDir ?? 'bundled';
    it(`keeps its data over a restart and leaves no process: ${which}`, async () => {
      const options = binDir === undefined ? {} : { binDir };
      const first = await start(options);
      await query(first.url, 'create table kept as select 42 as value');
      expect(first.alive()).toBe(true);
      expect(first.lines).toHaveLength(1);
      await first.stop();
      expect(first.alive()).toBe(false);
      expect(serverPids(testFolder())).toEqual([]);

      const second = await start(options);
      expect(second.lines).toEqual([]);
      expect(await query(second.url, 'select value from kept')).toEqual([42]);
      await second.stop();
      const events = [...first.logged, ...second.logged];
      expect(events.filter(({ level }) => level !== 'info')).toEqual([]);
    });
  }

  it('runs durably, on the loopback address only, and requires its password', async () => {
    const { url, port } = await start({ settings: { fsync: 'off', max_connections: '9' } });
    const settings = `select string_agg(setting, ' ' order by name) from pg_settings where name in
      ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'max_connections',
      'data_checksums')`;
    expect(await query(url, settings)).toEqual(['on on on 127.0.0.1 9 on']);
    const wrong = query(`postgresql://firstcome:wrong@127.0.0.1:${port}/firstcome`, 'select 1');
    await expect(wrong).rejects.toThrow('password authentication failed');
  });

  it('lets only its own user read its address and its data', async () => {
    const dataDir = join(testFolder(), 'made/on/the/way');
    const { url } = await start({ dataDir });
    const modeOf = async (path: string) => ((await fs.stat(path)).mode & 0o777).toString(8);
    expect(await modeOf(dataDir)).toMatch(/^7[01]0$/);
    expect(await modeOf(join(dataDir, 'server.json'))).toBe('600');
    expect(await modeOf(join(dataDir, 'postgres'))).toBe('700');
    expect(await modeOf(join(dataDir, 'postgres/password'))).toBe('600');
    expect(await findRunningServer(dataDir)).toEqual({ url, pid: process.pid });
  });

  it('is found by other commands while it runs, and not after', async () => {
    const dataDir = join(testFolder(), 'data');
    expect(await findRunningServer(dataDir)).toBeUndefined();
    const child = startChild({});
    const { url } = await child.next(isReady);
    expect(await findRunningServer(dataDir)).toEqual({ url, pid: child.pid });
    await kill(child);
    expect(existsSync(join(dataDir, 'server.json'))).toBe(true);
    expect(await findRunningServer(dataDir)).toBeUndefined();

    await (await start()).stop();
    expect(existsSync(join(dataDir, 'server.json'))).toBe(false);
    expect(await fs.readdir(join(dataDir, 'owners'))).toEqual([]);
  });

  it('logs the warnings of the server, and no password', async () => {
    const server = await start();
    await query(server.url, `do $$ begin raise warning 'mind the gap'; end $$`);
    await until('warning in the log', () =>
      server.logged.some(({ message }) => message.includes('mind the gap')),
    );
    expect(JSON.stringify(server.logged)).not.toContain(new URL(server.url).password);
  });

  it('runs in a folder whose name contains spaces, quotes, shell syntax and other scripts', async () => {
    const name = `it's a "sale" $(kill 0) \`x\` ; & * ünï 쿠폰 ${'long '.repeat(20)}`;
    const dataDir = join(testFolder(), name);
    const server = await start({ dataDir });
    expect(await query(server.url, 'select 1')).toEqual([1]);
    await server.stop();
    expect((await fs.readdir(testFolder())).sort()).toEqual([name]);
    const again = await start({ dataDir });
    expect(again.lines).toEqual([]);
  });

  it.skipIf(!isLinux)(
    'does not receive Ctrl-C, so that the service can finish its work',
    async () => {
      // A terminal interrupts the whole process group in the foreground.
      const child = startChild({}, { detached: true });
      const { url } = await child.next(isReady);
      const before = postmasterPid(join(testFolder(), 'data'));
      process.kill(-child.pid, 'SIGINT');
      await child.next(({ interrupted }) => interrupted === true);
      expect(await query(url, 'select 1')).toEqual([1]);
      expect(postmasterPid(join(testFolder(), 'data'))).toBe(before);
    },
  );

  it('takes another port when another program takes the chosen one', async () => {
    const other = await listenOn(0);
    const taken = [portOf(other), portOf(other)];
    const server = await start({ choosePort: async () => taken.shift() ?? chooseFreePort() });
    expect(taken).toEqual([]);
    expect(await query(server.url, 'select 1')).toEqual([1]);
    other.close();
  });
});

describe('the links between the bundled libraries', () => {
  it('creates missing links between its libraries, also in two starts at once', async () => {
    const copy = await copyPackage();
    const links = await removeLinks(copy);
    await expect(run(join(copy, 'native/bin/postgres'), ['--version'])).rejects.toThrow();
    const both = ['one', 'two'].map((name) =>
      start({ dataDir: join(testFolder(), name), packageDir: copy }),
    );
    for (const server of await Promise.all(both)) {
      expect(await query(server.url, 'select 1')).toEqual([1]);
    }
    const names = await fs.readdir(join(copy, 'native/lib'));
    expect(names).toEqual(expect.arrayContaining(links));
    expect(await fs.readdir(join(testFolder(), 'one'))).not.toContain('postgres-18.4.0-beta.17');
  });

  it.skipIf(!isRoot)(
    'creates missing links in a copy for a user who cannot write the package',
    async () => {
      const copy = await copyPackage();
      await removeLinks(copy);
      const home = join(testFolder(), 'home');
      await fs.mkdir(home);
      await fs.chown(home, otherUser.uid, otherUser.gid);
      const options = { dataDir: join(home, 'data'), packageDir: copy };
      await fs.mkdir(join(home, 'data/postgres-0.1'), { recursive: true });
      for (const path of ['data', 'data/postgres-0.1']) {
        await fs.chown(join(home, path), otherUser.uid, otherUser.gid);
      }
      const child = startChild(options, otherUser);
      const { url, error } = await child.next(isReady);
      expect(error).toBeUndefined();
      expect(await query(url, 'select 1')).toEqual([1]);
      expect(child.lines[0]).toContain('Copying the bundled PostgreSQL');
      // The start removes the copy of an earlier version.
      expect(existsSync(join(home, 'data/postgres-0.1'))).toBe(false);
      const exited = once(child.process, 'exit');
      child.process.kill('SIGTERM');
      await exited;

      const again = startChild(options, otherUser);
      await again.next(isReady);
      expect(again.lines).toEqual([]);
    },
  );
});

describe('a stop of the bundled PostgreSQL', () => {
  it('stops once when it is stopped several times', async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(server.logged.filter(({ message }) => message === 'PostgreSQL stopped')).toHaveLength(1);
  });

  it('ends busy sessions without waiting for their statements', async () => {
    const server = await start();
    const busy = await connect(server.url);
    const query = busy.query('select pg_sleep(60)').catch((error: Error) => error.message);
    const watcher = await connect(server.url);
    await until('busy session', async () => {
      const { rows } = await watcher.query(
        `select from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
      );
      return rows.length >= 1;
    });
    await server.stop();
    // A stop by force has another message.
    expect(await query).toContain('due to administrator command');
  });

  it.skipIf(!isLinux)('kills a server that does not react to a stop', async () => {
    const server = await start();
    const pid = postmasterPid(join(testFolder(), 'data'));
    process.kill(pid, 'SIGSTOP');
    await server.stop();
    expect(isAlive(pid)).toBe(false);
    expect(serverPids(testFolder())).toEqual([]);
    await start();
  });

  it('leaves nothing after an aborted start, and the next start works', async () => {
    const dataDir = join(testFolder(), 'data');
    const moments: (() => boolean)[] = [
      () => true,
      () => draftContains(dataDir, 'data/PG_VERSION'),
    ];
    for (const isMoment of moments) {
      const stopping = new AbortController();
      const starting = failureOf(start({ signal: stopping.signal }));
      await until('moment of the abort', isMoment);
      stopping.abort();
      expect(await starting).toContain('stopped before it finished');
      expect(serverPids(testFolder())).toEqual([]);
    }
    const stopping = new AbortController();
    const choosePort = async () => {
      const port = await chooseFreePort();
      expect(existsSync(join(dataDir, 'postgres'))).toBe(true);
      // At this moment the server has started, and nothing of its output has been read.
      setImmediate(() => stopping.abort());
      return port;
    };
    const starting = failureOf(start({ signal: stopping.signal, choosePort }));
    expect(await starting).toContain('stopped before it finished');
    expect(serverPids(testFolder())).toEqual([]);
    await start();
    expect((await fs.readdir(dataDir)).sort()).toEqual(['owners', 'postgres', 'server.json']);
  });
});

async function removeLinks(copy: string): Promise<string[]> {
  const names = await fs.readdir(join(copy, 'native/lib'), { withFileTypes: true });
  const links = names.filter((entry) => entry.isSymbolicLink()).map((entry) => entry.name);
  for (const link of links) await fs.rm(join(copy, 'native/lib', link));
  return links;
}

function findSystemBinDirs(): string[] {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  return versions
    .filter((version) => Number(version) >= 15)
    .map((version) => `/usr/lib/postgresql/${version}/bin`)
    .filter((binDir) => existsSync(join(binDir, 'initdb')));
}

function draftContains(dataDir: string, path: string): boolean {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  return names.some((name) => name.startsWith('new-') && existsSync(join(dataDir, name, path)));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

it('sees the end of programs that end at once, on a busy machine too', async () => {
  const runOne = async () => {
    const command = ['/bin/sh', '-c', 'exit 7'];
    const program = startWatchedProcess({ command, account, onLine: () => undefined });
    const isOver = await endsWithin(program.exited, endMsMax);
    const code = isOver ? await program.exited : 'still there';
    await program.end();
    return code;
  };
  // Each of them competes with the others for a processor.
  for (let round = 1; round <= 5; round += 1) {
    const ends = await Promise.all(Array.from({ length: 40 }, runOne));
    expect(ends).toEqual(ends.map(() => 7));
  }
});
