// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDataFolder } from '../../src/adapters/bundled-postgres/data-folder-lock.ts';
import {
  failureOf,
  isError,
  isLinux,
  isReady,
  isRoot,
  type Messages,
  mountMemory,
  otherUser,
  query,
  start,
  startChild,
  succeeds,
  testFolder,
  until,
  useBundledLauncher,
} from '../support/bundled-launcher.ts';

useBundledLauncher();

const canMount = isRoot && isLinux && succeeds('unshare', ['--mount', 'true']);

describe('the data folder of the bundled PostgreSQL', () => {
  it('refuses a folder that another process uses, and names that process', async () => {
    const child = startChild({});
    const { url, port } = await child.next(isReady);
    const messages: Messages = { lines: [], logged: [] };
    const message = await failureOf(start({}, messages));
    // It would report a wait for the other process or its server.
    expect(messages.lines).toEqual([]);
    expect(message).toContain(`in use by process ${child.pid}`);
    expect(message).toContain(`127.0.0.1:${port}`);
    expect(message).toContain('DATA_DIR');
    expect(await query(url, 'select 1')).toEqual([1]);
  });

  it('refuses a folder that the same process uses', async () => {
    const first = await start();
    expect(await failureOf(start())).toContain(`in use by process ${process.pid}`);
    expect(first.alive()).toBe(true);
    await first.stop();
    await start();
  });

  it('lets exactly one of several concurrent starts use a folder', async () => {
    const candidates = Array.from({ length: 4 }, () => startChild({}));
    const answers = await Promise.all(candidates.map((child) => child.next(isError)));
    expect(answers.filter(isReady)).toHaveLength(1);
    for (const { error } of answers) {
      if (error) expect(error.message).toContain('in use by process');
    }
  });

  it('is never locked twice when all candidates stall at random, and is free after they have failed', async () => {
    const neverNotified = new Int32Array(new SharedArrayBuffer(4));
    const lock = () => lockDataFolder(testFolder(), () => {});
    for (let round = 0; round < 3; round += 1) {
      // Like an overloaded machine: stalls last longer than the delay between two attempts, so all may give up.
      const stalls = setInterval(() => Atomics.wait(neverNotified, 0, 0, Math.random() * 100), 5);
      const ends = await Promise.allSettled(Array.from({ length: 4 }, lock));
      clearInterval(stalls);
      const locks = ends.filter((end) => end.status === 'fulfilled');
      expect(locks.length).toBeLessThanOrEqual(1);
      await locks[0]?.value.release();
      await (await lock()).release();
    }
  });

  it.skipIf(!isLinux)('stays with a process that is suspended while it starts', async () => {
    const owners = join(testFolder(), 'data/owners');
    const suspended = startChild({});
    await until('lock file', async () => (await fs.readdir(owners).catch(() => [])).length > 0);
    process.kill(suspended.pid, 'SIGSTOP');
    const messages = await Promise.all([failureOf(start()), failureOf(start())]);
    process.kill(suspended.pid, 'SIGCONT');
    for (const message of messages) expect(message).toContain('in use by process');
    expect(isReady(await suspended.next(isError))).toBe(true);
  });

  it('ignores a lock file whose pid belongs to a later process', async () => {
    const dataDir = join(testFolder(), 'data');
    const server = await start();
    const [name = ''] = await fs.readdir(join(dataDir, 'owners'));
    await server.stop();
    const [host, pid] = name.split('-');
    await fs.writeFile(join(dataDir, 'owners', `${host}-${pid}-earlier-0`), '');
    await start();
    expect(await fs.readdir(join(dataDir, 'owners'))).toHaveLength(1);
  });

  it('respects the lock of a process in another container while that touches its file', async () => {
    const owners = join(testFolder(), 'data/owners');
    await fs.mkdir(owners, { recursive: true });
    const other = join(owners, 'elsewhere-1-start-0');
    await fs.writeFile(other, '');
    const heartbeat = setInterval(() => void fs.utimes(other, new Date(), new Date()), 200);
    try {
      expect(await failureOf(start())).toContain('in use by process 1 in another container');
    } finally {
      clearInterval(heartbeat);
    }
    const server = await start();
    expect(server.lines[0]).toContain('another container');
  });

  it('refuses a folder of another major version, names both versions and changes nothing', async () => {
    const file = join(testFolder(), 'data/postgres/data/PG_VERSION');
    const server = await start();
    await server.stop();
    const version = await fs.readFile(file, 'utf8');
    await fs.writeFile(file, '12\n');
    const message = await failureOf(start());
    expect(message).toContain('created by PostgreSQL 12');
    expect(message).toContain(`this is PostgreSQL ${server.version}`);
    expect(message).toContain('DATA_DIR');
    await fs.writeFile(file, version);
    await start();
  });

  it('refuses a folder with an incomplete database and does not overwrite it', async () => {
    await (await start()).stop();
    await fs.rm(join(testFolder(), 'data/postgres/data/PG_VERSION'));
    expect(await failureOf(start())).toContain('is not a PostgreSQL database');
    expect(existsSync(join(testFolder(), 'data/postgres/data/base'))).toBe(true);
  });

  it('names a DATA_DIR that is a file or below a file', async () => {
    const file = join(testFolder(), 'file');
    await fs.writeFile(file, 'text');
    for (const dataDir of [file, join(file, 'data')]) {
      const message = await failureOf(start({ dataDir }));
      expect(message).toContain(`${dataDir} is a file`);
    }
  });

  it.skipIf(!isRoot)('names a folder that its user cannot write', async () => {
    const closed = join(testFolder(), 'closed');
    await fs.mkdir(closed);
    const missing = join(closed, 'data');
    for (const [dataDir, mistake] of [
      [closed, `User 65534 may not write in ${closed}. Give it and its contents to that user`],
      [missing, `User 65534 may not create the folder ${missing}. Create it and give it to`],
    ] as const) {
      const { error } = await startChild({ dataDir }, otherUser).next(isError);
      expect(error?.name).toBe('BundledPostgresError');
      expect(error?.message).toContain(mistake);
    }
  });

  it.skipIf(!isRoot)('says how to give a folder of root to a user, and that works', async () => {
    const dataDir = join(testFolder(), 'data');
    await (await start()).stop();
    await fs.chown(dataDir, otherUser.uid, otherUser.gid);
    const { error } = await startChild({}, otherUser).next(isError);
    expect(error?.message).toContain(`may not write in ${dataDir}. Give it and its contents`);
    expect(error?.message).toContain('chown -R');
    for (const path of await fs.readdir(dataDir, { recursive: true })) {
      await fs.lchown(join(dataDir, path), otherUser.uid, otherUser.gid);
    }
    expect(isReady(await startChild({}, otherUser).next(isError))).toBe(true);
  });

  it.skipIf(!isRoot)('refuses a folder of another user and names the user', async () => {
    await (await start()).stop();
    const dataDir = join(testFolder(), 'data');
    const { uid } = await fs.stat(join(dataDir, 'postgres'));
    await fs.chmod(dataDir, 0o777);
    await fs.rm(join(dataDir, 'owners'), { recursive: true });
    const { error } = await startChild({}, otherUser).next(isError);
    expect(error?.message).toContain(`belongs to user ${uid}`);
  });

  it.skipIf(!canMount)('names a folder on a read-only file system', async () => {
    await mountMemory('ro,size=1m');
    const message = await failureOf(start({ dataDir: join(testFolder(), 'memory/data') }));
    expect(message).toContain('read-only file system');
  });

  it.skipIf(!canMount)('names a folder on a full disk and leaves nothing in it', async () => {
    await mountMemory('size=20m');
    const dataDir = join(testFolder(), 'memory/data');
    expect(await failureOf(start({ dataDir }))).toContain(`The disk that holds ${dataDir} is full`);
    expect(await fs.readdir(dataDir)).toEqual(['owners']);
    await fs.writeFile(join(testFolder(), 'memory/filler'), Buffer.alloc(19 << 20));
    await fs.appendFile(join(testFolder(), 'memory/filler'), Buffer.alloc(2 << 20)).catch(() => {});
    expect(await failureOf(start({ dataDir }))).toContain('is full');
  });
});
