// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  cp,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  plantHeldCoupon,
  readSale,
  runSale,
  withBundled,
  withDatabase,
} from '../support/sale-process.ts';
import {
  endServiceProcesses,
  launch,
  runToEnd,
  startServiceProcess,
} from '../support/service-process.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { waitFor } from '../support/wait-for.ts';

const run = promisify(execFile);
const isLinux = process.platform === 'linux';

let folder: string;
let dataDir: string;
let file: string;
let claims: string[];
let made: Awaited<ReturnType<typeof runToEnd>>;
let names = 0;

/** A path in the folder of this file that no test has used. */
function newPath(name: string): string {
  names += 1;
  return join(folder, `${name}-${names}`);
}

const backup = (from: string, to: string, ...flags: string[]) =>
  runToEnd({ DATA_DIR: from }, ['backup', to, ...flags]);
const restore = (from: string, to: string) => runToEnd({ DATA_DIR: to }, ['restore', from]);

beforeAll(async () => {
  folder = await createTemporaryFolder('backup');
  dataDir = newPath('data');
  file = newPath('backup.tar.gz');
  claims = await runSale({ DATA_DIR: dataDir }, { coupon: 'sale', end: 'stopped' });
  await withBundled(dataDir, (url) => plantHeldCoupon(url, 'held'));
  made = await backup(dataDir, file);
});

afterEach(endServiceProcesses);
afterAll(() => removeTemporaryFolder(folder));

/** A copy of the backup with other content: `change` gets the folder with its entries. */
async function repack(
  change: (entries: string) => Promise<unknown>,
  flags: string[] = [],
): Promise<string> {
  const [entries, changed] = [newPath('entries'), newPath('changed.tar.gz')];
  await mkdir(entries);
  await run('tar', ['-xzf', file, '-C', entries]);
  await change(entries);
  await run('tar', ['-czPf', changed, '-C', entries, ...flags, 'manifest.json', 'postgres']);
  return changed;
}

async function changeManifest(changes: Record<string, unknown>): Promise<string> {
  return repack(async (entries) => {
    const path = join(entries, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...manifest, ...changes }));
  });
}

/** A copy of the stopped database with a file that takes seconds to compress. */
async function slowDatabase(): Promise<string> {
  const slow = newPath('slow');
  await cp(dataDir, slow, { recursive: true });
  const random = randomBytes(2 ** 20);
  await writeFile(join(slow, 'postgres/data/large'), Buffer.concat(Array(192).fill(random)));
  return slow;
}

describe('a backup', () => {
  it('is one private file, and its command says how to restore it', async () => {
    expect(made.code, made.output).toBe(0);
    expect(made.output).toContain(`firstcome restore ${file}\n`);
    expect(made.output).toMatch(/^\d+\.\d MB, \d+\.\d MB before compression$/m);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('restores every confirmed claim, and a service continues the sale', async () => {
    const restored = newPath('restored');
    const { code, output } = await restore(file, restored);
    expect(code, output).toBe(0);
    expect(output).toContain('stock, claims and ledger are consistent\n');
    expect(await withBundled(restored, (url) => readSale(url, 'sale'))).toEqual({
      ...{ claims, findings: [] },
    });
    const more = await runSale({ DATA_DIR: restored }, { coupon: 'next', end: 'stopped' });
    expect(more).toHaveLength(20);
    expect((await readdir(restored)).filter((name) => name.startsWith('new-'))).toEqual([]);
  });

  it.runIf(isLinux)(
    'has the last claims of a service that was killed with its server',
    async () => {
      const [killed, restored, to] = [
        newPath('killed'),
        newPath('restored'),
        newPath('killed.tar.gz'),
      ];
      const last = await runSale({ DATA_DIR: killed }, { coupon: 'sale', end: 'killed' });
      expect(existsSync(join(killed, 'postgres/data/postmaster.pid'))).toBe(true);
      const { code, output } = await backup(killed, to);
      expect(code, output).toBe(0);
      const again = await restore(to, restored);
      expect(again.code, again.output).toBe(0);
      const stored = await withBundled(restored, (url) => readSale(url, 'sale'));
      expect(stored).toEqual({ claims: last, findings: [] });
    },
  );

  it('is refused while a service runs, with what to do', async () => {
    const service = await startServiceProcess({ DATA_DIR: dataDir });
    const to = newPath('running.tar.gz');
    const { code, output } = await backup(dataDir, to);
    expect({ code, exists: existsSync(to) }, output).toEqual({ code: 1, exists: false });
    expect(output).toContain(`is in use by process ${service.pid}`);
    expect(output).toContain('Stop the service, make the backup, and start the service again.');
    const major = (await readFile(join(dataDir, 'postgres/data/PG_VERSION'), 'utf8')).trim();
    expect(output).toContain(`use the pg_dump of PostgreSQL ${major} or\n`);
    const serverFile = join(dataDir, 'server.json');
    expect(output).toContain(`with the "url" in ${serverFile}.`);
    const client = new pg.Client(JSON.parse(await readFile(serverFile, 'utf8')).url);
    await client.connect();
    const { rows } = await client.query('select name from firstcome.coupons');
    await client.end();
    expect(rows).toContainEqual({ name: 'sale' });
    service.signal('SIGTERM');
    await service.ended();
  });

  it('holds files, also where the database has a file with two names or is behind a link', async () => {
    const [linked, restored, to] = [newPath('linked'), newPath('restored'), newPath('two.tar.gz')];
    const elsewhere = newPath('elsewhere');
    await cp(dataDir, linked, { recursive: true });
    await link(join(linked, 'postgres/password'), join(linked, 'postgres/second'));
    await rename(join(linked, 'postgres'), elsewhere);
    await symlink(elsewhere, join(linked, 'postgres'));
    const { code: made, output: log } = await backup(linked, to);
    expect(made, log).toBe(0);
    const { code, output } = await restore(to, restored);
    expect(code, output).toBe(0);
    expect((await lstat(join(restored, 'postgres'))).isDirectory()).toBe(true);
    const paths = ['password', 'second'].map((name) => join(restored, 'postgres', name));
    const [first, second] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
    expect(second).toBe(first);
  });

  it('replaces a file only with --force', async () => {
    const to = newPath('existing.tar.gz');
    await writeFile(to, 'kept');
    const refused = await backup(dataDir, to);
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('--force') });
    expect(await readFile(to, 'utf8')).toBe('kept');
    const forced = await backup(dataDir, to, '--force');
    expect(forced.code, forced.output).toBe(0);
    expect((await stat(to)).size).toBeGreaterThan(100_000);
  });

  it('is refused for a folder without a database, which it does not create', async () => {
    const missing = newPath('missing');
    const { code, output } = await backup(missing, newPath('none.tar.gz'));
    expect({ code, exists: existsSync(missing) }).toEqual({ code: 1, exists: false });
    expect(output).toContain(`There is no database in ${missing}`);
  });

  it('is refused inside of DATA_DIR, and with DATABASE_URL', async () => {
    expect(await backup(dataDir, join(dataDir, 'b.tar.gz'))).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('is in the data folder') },
    });
    const env = { DATA_DIR: dataDir, DATABASE_URL: 'postgres://a@127.0.0.1:1/b' };
    expect(await runToEnd(env, ['backup', newPath('url.tar.gz')])).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('pg_dump') },
    });
  });

  // Even root may not create a file there.
  it.runIf(isLinux)('names the file that this user may not write', async () => {
    const { code, output } = await backup(dataDir, '/sys/firstcome.tar.gz');
    expect(code).toBe(1);
    expect(output).toMatch(/^firstcome: .*\/sys\/firstcome\.tar\.gz.*(?:permissions|read-only)/m);
  });

  it('leaves no file under its name when it is killed, and none at all after Ctrl-C', async () => {
    const slow = await slowDatabase();
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const target = newPath('target');
      await mkdir(target);
      const started = launch({ DATA_DIR: slow }, ['backup', join(target, 'b.tar.gz')]);
      await waitFor('unfinished file', async () => (await readdir(target)).length > 0);
      if (signal === 'SIGKILL') await started.killGroup();
      else started.signal(signal);
      const { code } = await started.ended();
      const left = await readdir(target);
      expect(left).not.toContain('b.tar.gz');
      if (signal === 'SIGKILL') continue;
      expect({ code, left }, started.output()).toEqual({ code: 1, left: [] });
      expect(started.output()).toContain('The backup was stopped.');
    }
  });
});

describe('a restore', () => {
  it('changes nothing in a folder that is not empty', async () => {
    const used = newPath('used');
    await mkdir(used);
    await writeFile(join(used, 'notes.txt'), 'kept');
    const { code, output } = await restore(file, used);
    expect(code).toBe(1);
    expect(output).toContain(`${used} is not empty: it has notes.txt.`);
    expect(await readdir(used)).toEqual(['notes.txt']);
    expect(await restore(file, dataDir)).toMatchObject({
      ...{ code: 1, output: expect.stringContaining('it has postgres.') },
    });
  });

  it.each<[string, () => Promise<string>]>([
    ['is missing', async () => newPath('nothing.tar.gz')],
    ['is no archive', () => altered((bytes) => randomBytes(bytes.length))],
    ['is cut off', () => altered((bytes) => bytes.subarray(0, bytes.length - 5_000))],
    [
      'has a wrong byte',
      () => altered((bytes) => bytes.map((byte, at) => (at === 1_000_000 ? byte ^ 0xff : byte))),
    ],
    [
      'has a changed file',
      () => repack((entries) => writeFile(join(entries, 'postgres/password'), 'x')),
    ],
    ['has another file', () => repack((entries) => writeFile(join(entries, 'postgres/more'), 'x'))],
    ['lacks a file', () => repack((entries) => run('rm', [join(entries, 'postgres/password')]))],
    [
      'has a link',
      () =>
        repack((entries) => run('ln', ['-sf', '/etc/passwd', join(entries, 'postgres/password')])),
    ],
    [
      'leads out of the folder',
      () => repack(async () => undefined, ['--transform=s,^postgres/password,../../escaped,']),
    ],
  ])('leaves no database when the backup %s', async (_, makeDamaged) => {
    const damaged = await makeDamaged();
    const target = newPath('restored');
    const { code, output } = await restore(damaged, target);
    expect(code, output).toBe(1);
    expect(output).toContain(damaged);
    expect(output).not.toContain('unexpected error');
    expect(existsSync(join(target, 'postgres'))).toBe(false);
    expect(existsSync(join(folder, 'escaped'))).toBe(false);
    const left = existsSync(target) ? await readdir(target) : [];
    expect(left.filter((name) => name !== 'owners')).toEqual([]);
  });

  it.each([
    [{ postgres: { version: '17.2', major: 17 } }, /from PostgreSQL 17, and the bundled one is 18/],
    [{ platform: 'plan9-mips' }, /it is from plan9-mips, and this is /],
    [{ format: 99 }, /it has the format 99/],
    [{ migrations: ['9999_later'] }, /the migration 9999_later, which this release does not know/],
    [{ bytes: 2 ** 60 }, /the restore needs \d+ MB/],
  ])('refuses a backup with %j', async (changes, reason) => {
    const target = newPath('restored');
    const { code, output } = await restore(await changeManifest(changes), target);
    expect(code).toBe(1);
    expect(output).toMatch(reason);
    expect(existsSync(join(target, 'postgres'))).toBe(false);
  });

  it('reports a broken consistency rule, exits with 1 and keeps the folder', async () => {
    const [wrong, restored, to] = [newPath('wrong'), newPath('restored'), newPath('wrong.tar.gz')];
    await cp(dataDir, wrong, { recursive: true });
    await withBundled(wrong, (url) =>
      withDatabase(url, (client) => client.query('delete from claims where position = 7')),
    );
    const made = await backup(wrong, to);
    expect(made.code, made.output).toBe(0);
    const { code, output } = await restore(to, restored);
    expect(code).toBe(1);
    expect(output).toContain('firstcome: claims-match-stock: ');
    expect(output).toContain('Do not sell with it.');
    const { claims: kept } = await withBundled(restored, (url) => readSale(url, 'sale'));
    expect(kept).toHaveLength(19);
  });

  it('leaves no database when it is killed or stopped, and succeeds when it runs again', async () => {
    const [slow, slowFile] = [await slowDatabase(), newPath('slow.tar.gz')];
    const made = await backup(slow, slowFile);
    expect(made.code, made.output).toBe(0);
    const target = newPath('restored');
    const isUnpacking = async () =>
      (await readdir(target).catch(() => [])).some(
        (name) => name.startsWith('new-') && existsSync(join(target, name, 'postgres/data')),
      );
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const started = launch({ DATA_DIR: target }, ['restore', slowFile]);
      await waitFor('unpacked files', isUnpacking);
      if (signal === 'SIGKILL') await started.killGroup();
      else started.signal(signal);
      const { code } = await started.ended();
      expect(existsSync(join(target, 'postgres')), started.output()).toBe(false);
      if (signal === 'SIGINT') {
        expect(code).toBe(1);
        expect(started.output()).toContain('The restore was stopped.');
        expect(await isUnpacking()).toBe(false);
      }
    }
    const { code, output } = await restore(slowFile, target);
    expect(code, output).toBe(0);
    expect((await readdir(target)).filter((name) => name.startsWith('new-'))).toEqual([]);
  });
});

async function altered(alter: (bytes: Buffer) => Uint8Array): Promise<string> {
  const changed = newPath('altered.tar.gz');
  await writeFile(changed, alter(await readFile(file)));
  return changed;
}
