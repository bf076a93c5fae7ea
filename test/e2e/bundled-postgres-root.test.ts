// SPDX-License-Identifier: GPL-3.0-or-later
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  copyPackage,
  isError,
  isReady,
  isRoot,
  kill,
  query,
  run,
  start,
  startChild,
  succeeds,
  testFolder,
  useBundledLauncher,
  waitForEnd,
} from '../support/bundled-launcher.ts';
import { postmasterPid } from '../support/server-processes.ts';

useBundledLauncher();

const hasUnshare = isRoot && succeeds('unshare', ['--user', '--map-user=65534', 'true']);

describe('the bundled PostgreSQL started as root', () => {
  it.skipIf(!isRoot)('runs as another user, who owns only the database', async () => {
    const server = await start();
    const { uid } = await fs.stat(`/proc/${postmasterPid(join(testFolder(), 'data'))}`);
    expect(uid).not.toBe(0);
    const dataDir = join(testFolder(), 'data');
    expect((await fs.stat(join(dataDir, 'postgres/data'))).uid).toBe(uid);
    expect((await fs.stat(join(dataDir, 'server.json'))).uid).toBe(0);
    expect(server.alive()).toBe(true);
  });

  it.skipIf(!hasUnshare)('uses a user namespace in a folder that only root can reach', async () => {
    await fs.chmod(testFolder(), 0o700);
    const child = startChild({});
    const { url, error } = await child.next(isReady);
    expect(error).toBeUndefined();
    await query(url, 'create table kept as select 1 as value');
    await kill(child);
    await waitForEnd();
    // Once other users can reach the testFolder(), it belongs to the user that runs the server.
    await fs.chmod(testFolder(), 0o755);
    const server = await start();
    expect(await query(server.url, 'select value from kept')).toEqual([1]);
    expect((await fs.stat(join(testFolder(), 'data/postgres'))).uid).not.toBe(0);
  });

  it.skipIf(!isRoot)(
    'says what to do in a folder that only root can reach, without user namespaces',
    async () => {
      await fs.chmod(testFolder(), 0o700);
      const { error } = await startChild({}, { env: { PATH: '/nowhere' } }).next(isError);
      expect(error?.message).toContain('PostgreSQL refuses to run as root');
      expect(error?.message).toContain(join(testFolder(), 'data'));
      expect(error?.message).toContain('DATA_DIR');
    },
  );

  it.skipIf(!isRoot)('runs from a copy when only root can reach the package', async () => {
    const copy = await copyPackage();
    const closed = join(testFolder(), 'closed');
    await fs.mkdir(closed, { mode: 0o700 });
    await fs.rename(copy, join(closed, 'package'));
    const programs = join(testFolder(), 'programs');
    await fs.mkdir(programs);
    // All programs that a start needs, except `unshare`.
    for (const name of ['id', 'sleep']) {
      const { stdout } = await run('sh', ['-c', `command -v ${name}`]);
      await fs.symlink(stdout.trim(), join(programs, name));
    }
    const options = { packageDir: join(closed, 'package') };
    const child = startChild(options, { env: { PATH: programs } });
    const { url, error } = await child.next(isReady);
    expect(error).toBeUndefined();
    expect(await query(url, 'select 1')).toEqual([1]);
  });
});
