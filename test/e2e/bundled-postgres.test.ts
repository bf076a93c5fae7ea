// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type ChildProcess,
  execFile,
  execFileSync,
  type SpawnOptions,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type BundledPostgres,
  BundledPostgresError,
  type BundledPostgresOptions,
  findRunningServer,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { takeOwnership } from '../../src/adapters/bundled-postgres/owner-lock.ts';
import { chooseFreePort } from '../../src/adapters/bundled-postgres/start-server.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const repository = join(import.meta.dirname, '../..');
const packageDir = findPackageDir();
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
const hasUnshare = isRoot && succeeds('unshare', ['--user', '--map-user=65534', 'true']);
const canMount = isRoot && isLinux && succeeds('unshare', ['--mount', 'true']);
const systemBinDirs = findSystemBinDirs();
const nobody = { uid: 65534, gid: 65534 };
// The watcher that outlives the launcher interrupts a server for so long before it ends it by force.
const watchedEndMs = 10_000;
// For as long a start leaves a server of an earlier run the time to end in order.
const politeMs = 10_000;
// A stop does so for less.
const cleanStopMs = 4_000;

// Compiled once: processes that are killed, or run as another user, cannot be inside the test runner.
let compiled = '';
let folder = '';
const clients: pg.Client[] = [];
const servers: BundledPostgres[] = [];
const children: Child[] = [];
const mounts: string[] = [];

beforeAll(async () => {
  compiled = await fs.mkdtemp(join(tmpdir(), 'firstcome-compiled-'));
  await fs.chmod(compiled, 0o755);
  const settings = {
    extends: join(repository, 'tsconfig.build.json'),
    compilerOptions: {
      ...{ rootDir: join(repository, 'src'), outDir: join(compiled, 'dist') },
      // Types are checked elsewhere.
      ...{
        noCheck: true,
        composite: false,
        declaration: false,
        types: ['node'],
        tsBuildInfoFile: null,
      },
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    include: [],
    files: [join(repository, 'src/adapters/bundled-postgres/bundled-postgres.ts')],
  };
  await fs.writeFile(join(compiled, 'tsconfig.json'), JSON.stringify(settings));
  await fs.writeFile(join(compiled, 'package.json'), '{"type":"module"}');
  await fs.writeFile(join(compiled, 'child.js'), childProgram);
  await run(process.execPath, [
    join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'),
    ...['-p', compiled],
  ]).catch((error) => {
    throw new Error(error.stdout);
  });
  await fs.copyFile(
    join(repository, 'src/adapters/bundled-postgres/create-database.sql'),
    join(compiled, 'dist/adapters/bundled-postgres/create-database.sql'),
  );
});

afterAll(async () => {
  await fs.rm(compiled, { recursive: true, force: true });
});

beforeEach(async () => {
  folder = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'firstcome-e2e-')));
  await fs.chmod(folder, 0o755);
});

afterEach(async () => {
  await Promise.allSettled(clients.splice(0).map((client) => client.end()));
  await Promise.allSettled(servers.splice(0).map((server) => server.stop()));
  for (const child of children.splice(0)) {
    if (child.process.exitCode === null) child.process.kill('SIGKILL');
  }
  await until(() => serverPids().length === 0, watchedEndMs).catch(() => {});
  const left = serverPids();
  for (const pid of left) signalIfThere(pid, 'SIGKILL');
  for (const mount of mounts.splice(0)) execFileSync('umount', ['-l', mount]);
  await fs.rm(folder, { recursive: true, force: true, maxRetries: 5 });
  expect(left, 'processes that were left').toEqual([]);
});

const childProgram = `
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startBundledPostgres } from './dist/adapters/bundled-postgres/embedded-postgres.js';
const tell = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const { haltsWith, ...options } = JSON.parse(process.argv[2]);
// It halts itself, so that the start goes no further until it is killed, however late that comes.
const halt = () => {
  tell({ halted: true });
  process.kill(process.pid, 'SIGSTOP');
};
const draftHolds = (path) =>
  readdirSync(options.dataDir).some(
    (name) => name.startsWith('new-') && existsSync(join(options.dataDir, name, path)),
  );
const watch = () => {
  const looking = setInterval(() => {
    if (!draftHolds(haltsWith)) return;
    clearInterval(looking);
    halt();
  }, 1);
};
try {
  const { url, port, stop } = await startBundledPostgres({
    ...options,
    say(said) {
      tell({ said });
      if (haltsWith === '') halt();
      else if (haltsWith !== undefined) watch();
    },
    log: (logged) => tell({ logged }),
  });
  process.on('SIGINT', () => tell({ interrupted: true }));
  process.once('SIGTERM', () => stop().then(() => process.exit(0)));
  setInterval(() => {}, 60_000);
  // Whoever hears of it may send a signal at once.
  tell({ url, port });
} catch (error) {
  tell({ error: { name: error.name, message: error.message } });
}
`;

type Message = {
  said?: string;
  url?: string;
  port?: number;
  interrupted?: boolean;
  halted?: boolean;
  error?: { name: string; message: string };
};

/** The launcher in a process of its own. */
type Child = {
  process: ChildProcess;
  pid: number;
  said: string[];
  next(isIt: (message: Message) => boolean): Promise<Message>;
};

/** With `haltsWith` it halts when the draft of its database holds that path; '' is as soon as it begins with it. */
function startChild(
  options: Partial<BundledPostgresOptions> & { haltsWith?: string },
  spawnOptions: Pick<SpawnOptions, 'uid' | 'gid' | 'env' | 'detached'> = {},
): Child {
  const dataDir = join(folder, 'data');
  const argument = JSON.stringify({ dataDir, packageDir, ...options });
  const started = spawn(process.execPath, [join(compiled, 'child.js'), argument], {
    ...spawnOptions,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const messages: Message[] = [];
  const said: string[] = [];
  createInterface({ input: started.stdout }).on('line', (line) => {
    const message: Message = JSON.parse(line);
    messages.push(message);
    if (message.said !== undefined) said.push(message.said);
  });
  const next = async (isIt: (message: Message) => boolean): Promise<Message> => {
    await until(() => messages.some((message) => message.error !== undefined || isIt(message)));
    return messages.find(isIt) ?? messages.find((message) => message.error !== undefined) ?? {};
  };
  const child = { process: started, pid: started.pid ?? 0, said, next };
  children.push(child);
  return child;
}

const isReady = (message: Message) => message.url !== undefined;
const isError = (message: Message) => message.error !== undefined || isReady(message);

type Told = { said: string[]; logged: Parameters<BundledPostgresOptions['log']>[0][] };

async function start(
  options: Partial<BundledPostgresOptions> = {},
  told: Told = { said: [], logged: [] },
): Promise<BundledPostgres & Told> {
  const server = await startBundledPostgres({
    dataDir: join(folder, 'data'),
    say: (line) => told.said.push(line),
    log: (event) => told.logged.push(event),
    ...options,
  });
  servers.push(server);
  return { ...server, ...told };
}

/** Kills processes that watch each other: halted first, so that none of them still acts on the end of another. */
function killAtOnce(pids: number[]): void {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    for (const pid of pids) process.kill(pid, signal);
  }
}

/** A process may end between the look at it and the signal. */
function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether it runs; one that has ended is gone, also where nobody has asked for its exit code yet. */
function isAlive(pid: number): boolean {
  try {
    return !['Z', 'X'].includes(statOf(pid)[0] ?? '');
  } catch {
    return false;
  }
}

/** Kills the launcher and waits for that: the kernel may take its time, and until then it owns the folder. */
async function kill(child: Child): Promise<void> {
  const exited = once(child.process, 'exit');
  child.process.kill('SIGKILL');
  await exited;
}

async function failureOf(starting: Promise<unknown>): Promise<string> {
  const error = await starting.then(
    () => new Error('it started'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BundledPostgresError);
  return error instanceof Error ? error.message : '';
}

async function connect(url: string | undefined): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A killed server ends its connections, which is not a failure of the test.
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

async function query(url: string | undefined, sql: string): Promise<unknown[]> {
  const client = await connect(url);
  const { rows } = await client.query({ text: sql, rowMode: 'array' });
  await client.end();
  return rows.map(([value]) => value);
}

async function until(condition: () => boolean | Promise<boolean>, limitMs = 40_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    // Taken before the look: there is always one after the time is over.
    const isLast = Date.now() > deadline;
    if (await condition()) return;
    if (isLast) throw new Error(`it did not become true: ${condition}`);
    await delay(10);
  }
}

/** Every server process and shell whose command line or title tells of the test's own folder. */
function serverPids(): number[] {
  if (!isLinux) return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (words.includes('child.js')) return [];
      return words.includes(folder) || readlinkSync(`/proc/${name}/cwd`).startsWith(folder)
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

function postmasterPid(dataDir = join(folder, 'data')): number {
  const text = readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8');
  return Number.parseInt(text, 10);
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

/** What the kernel tells of a process behind its name: state, parent and more. */
function statOf(pid: number): string[] {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

/** The program that a process runs; empty when the process is gone. */
function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}

async function copyPackage(): Promise<string> {
  const copy = join(folder, 'package');
  await run('cp', ['-al', packageDir, copy]).catch(async () => {
    // Hard links may be forbidden, or lead to another disk; some may have been made.
    await fs.rm(copy, { recursive: true, force: true });
    await run('cp', ['-a', packageDir, copy]);
  });
  return copy;
}

async function removeLinks(copy: string): Promise<string[]> {
  const names = await fs.readdir(join(copy, 'native/lib'), { withFileTypes: true });
  const links = names.filter((entry) => entry.isSymbolicLink()).map((entry) => entry.name);
  for (const link of links) await fs.rm(join(copy, 'native/lib', link));
  return links;
}

function findPackageDir(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return dirname(dirname(require.resolve(name)));
}

function findSystemBinDirs(): string[] {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  return versions
    .filter((version) => Number(version) >= 15)
    .map((version) => `/usr/lib/postgresql/${version}/bin`)
    .filter((binDir) => existsSync(join(binDir, 'initdb')));
}

function succeeds(command: string, words: string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the bundled PostgreSQL', () => {
  for (const binDir of [undefined, ...systemBinDirs]) {
    const which = binDir ?? 'the bundled one';
    it(`keeps its data over a stop and a start, and leaves nothing running: ${which}`, async () => {
      const options = binDir === undefined ? {} : { binDir };
      const first = await start(options);
      await query(first.url, 'create table kept as select 42 as value');
      expect(first.alive()).toBe(true);
      expect(first.said).toHaveLength(1);
      await first.stop();
      expect(first.alive()).toBe(false);
      expect(serverPids()).toEqual([]);

      const second = await start(options);
      expect(second.said).toEqual([]);
      expect(await query(second.url, 'select value from kept')).toEqual([42]);
      await second.stop();
      const events = [...first.logged, ...second.logged];
      expect(events.filter(({ level }) => level !== 'info')).toEqual([]);
    });
  }

  it('is durable, on the loopback address only, and asks for its password', async () => {
    const { url, port } = await start({ settings: { fsync: 'off', max_connections: '9' } });
    const settings = `select string_agg(setting, ' ' order by name) from pg_settings where name in
      ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'max_connections',
      'data_checksums')`;
    expect(await query(url, settings)).toEqual(['on on on 127.0.0.1 9 on']);
    const wrong = query(`postgresql://firstcome:wrong@127.0.0.1:${port}/firstcome`, 'select 1');
    await expect(wrong).rejects.toThrow('password authentication failed');
  });

  it('shows its address and its data to its own user only', async () => {
    const dataDir = join(folder, 'made/on/the/way');
    const { url } = await start({ dataDir });
    const modeOf = async (path: string) => ((await fs.stat(path)).mode & 0o777).toString(8);
    expect(await modeOf(dataDir)).toMatch(/^7[01]0$/);
    expect(await modeOf(join(dataDir, 'server.json'))).toBe('600');
    expect(await modeOf(join(dataDir, 'postgres'))).toBe('700');
    expect(await modeOf(join(dataDir, 'postgres/password'))).toBe('600');
    expect(await findRunningServer(dataDir)).toEqual({ url, pid: process.pid });
  });

  it('is found by other commands while it runs, and not after', async () => {
    const dataDir = join(folder, 'data');
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

  it('passes on its own warnings, and tells of no password', async () => {
    const server = await start();
    await query(server.url, `do $$ begin raise warning 'mind the gap'; end $$`);
    await until(() => server.logged.some(({ message }) => message.includes('mind the gap')));
    expect(JSON.stringify(server.logged)).not.toContain(new URL(server.url).password);
  });

  it('runs in a folder whose name holds spaces, quotes, shell words and other scripts', async () => {
    const name = `it's a "sale" $(kill 0) \`x\` ; & * ünï 쿠폰 ${'long '.repeat(20)}`;
    const dataDir = join(folder, name);
    const server = await start({ dataDir });
    expect(await query(server.url, 'select 1')).toEqual([1]);
    await server.stop();
    expect((await fs.readdir(folder)).sort()).toEqual([name]);
    const again = await start({ dataDir });
    expect(again.said).toEqual([]);
  });

  it.skipIf(!isLinux)('is not reached by Ctrl-C, so the service can finish its work', async () => {
    // A terminal interrupts the whole process group in the foreground.
    const child = startChild({}, { detached: true });
    const { url } = await child.next(isReady);
    const before = postmasterPid();
    process.kill(-child.pid, 'SIGINT');
    await child.next(({ interrupted }) => interrupted === true);
    expect(await query(url, 'select 1')).toEqual([1]);
    expect(postmasterPid()).toBe(before);
  });

  it('takes another port when the chosen one is taken meanwhile', async () => {
    const other = await listenOn(0);
    const taken = [portOf(other), portOf(other)];
    const server = await start({ choosePort: async () => taken.shift() ?? chooseFreePort() });
    expect(taken).toEqual([]);
    expect(await query(server.url, 'select 1')).toEqual([1]);
    other.close();
  });
});

describe('the links between its libraries', () => {
  it('are made at the start when an install has not made them, also by two starts at once', async () => {
    const copy = await copyPackage();
    const links = await removeLinks(copy);
    await expect(run(join(copy, 'native/bin/postgres'), ['--version'])).rejects.toThrow();
    const both = ['one', 'two'].map((name) =>
      start({ dataDir: join(folder, name), packageDir: copy }),
    );
    for (const server of await Promise.all(both)) {
      expect(await query(server.url, 'select 1')).toEqual([1]);
    }
    const names = await fs.readdir(join(copy, 'native/lib'));
    expect(names).toEqual(expect.arrayContaining(links));
    expect(await fs.readdir(join(folder, 'one'))).not.toContain('postgres-18.4.0-beta.17');
  });

  it.skipIf(!isRoot)('are made in a copy for a user who may not write the package', async () => {
    const copy = await copyPackage();
    await removeLinks(copy);
    const home = join(folder, 'home');
    await fs.mkdir(home);
    await fs.chown(home, nobody.uid, nobody.gid);
    const options = { dataDir: join(home, 'data'), packageDir: copy };
    await fs.mkdir(join(home, 'data/postgres-0.1'), { recursive: true });
    for (const path of ['data', 'data/postgres-0.1']) {
      await fs.chown(join(home, path), nobody.uid, nobody.gid);
    }
    const child = startChild(options, nobody);
    const { url, error } = await child.next(isReady);
    expect(error).toBeUndefined();
    expect(await query(url, 'select 1')).toEqual([1]);
    expect(child.said[0]).toContain('Copying the bundled PostgreSQL');
    // The copy for an earlier version is of no more use.
    expect(existsSync(join(home, 'data/postgres-0.1'))).toBe(false);
    const exited = once(child.process, 'exit');
    child.process.kill('SIGTERM');
    await exited;

    const again = startChild(options, nobody);
    await again.next(isReady);
    expect(again.said).toEqual([]);
  });
});

describe('after a kill', () => {
  it('of the service, the server shuts down cleanly and at once', async () => {
    const child = startChild({});
    const { url } = await child.next(isReady);
    const session = await connect(url);
    await session.query('create table rows (id int)');
    const pids = serverPids();
    expect(pids.length).toBeGreaterThan(3);
    await kill(child);
    await until(() => serverPids().length === 0, watchedEndMs);
    expect(existsSync(join(folder, 'data/postgres/data/postmaster.pid'))).toBe(false);
    // A clean shutdown needs no recovery, of which the log would tell.
    const server = await start();
    expect(server.logged.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(await query(server.url, 'select count(*)::int from rows')).toEqual([0]);
  });

  it('of the service, a start does not wait for the old server to be noticed', async () => {
    const child = startChild({});
    await child.next(isReady);
    await kill(child);
    const server = await start();
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('of the server, it comes back on its port with its data', async () => {
    const server = await start();
    await query(server.url, 'create table rows as select 7 as value');
    process.kill(postmasterPid(), 'SIGKILL');
    await until(() => !server.alive());
    await until(() => server.alive());
    expect(await query(server.url, 'select value from rows')).toEqual([7]);
    expect(server.logged.map(({ message }) => message)).toContain(
      'PostgreSQL ended by itself; starting it again',
    );
  });

  it.skipIf(!isLinux)('of the server, it waits until its port is free again', async () => {
    const server = await start();
    process.kill(postmasterPid(), 'SIGKILL');
    const other = await listenOn(server.port);
    await until(() => server.logged.some(({ reason }) => /in use/.test(String(reason))));
    expect(server.alive()).toBe(false);
    await new Promise((resolve) => other.close(resolve));
    await until(() => server.alive());
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('of the shell around the server, both come back', async () => {
    const server = await start();
    const before = postmasterPid();
    process.kill(parentOf(before), 'SIGKILL');
    await until(() => !server.alive());
    await until(() => server.alive());
    expect(postmasterPid()).not.toBe(before);
    expect(await query(server.url, 'select 1')).toEqual([1]);
  });

  it.skipIf(!isLinux)('of the server, a stop is not followed by a restart', async () => {
    const moments = [async () => {}, (server: BundledPostgres) => until(() => !server.alive())];
    for (const isMoment of moments) {
      const server = await start();
      process.kill(postmasterPid(), 'SIGKILL');
      await isMoment(server);
      await server.stop();
      expect(serverPids()).toEqual([]);
      expect(server.alive()).toBe(false);
    }
  });

  it.skipIf(!isLinux)(
    'of the service and all shells, the server left alone is replaced',
    async () => {
      const child = startChild({});
      await child.next(isReady);
      const orphan = postmasterPid();
      // The one around the server may begin the other one, which watches, when the server is there already.
      const shells = () => serverPids().filter((pid) => programOf(pid).endsWith('sh'));
      await until(() => shells().length === 2);
      const exited = once(child.process, 'exit');
      killAtOnce([...shells(), child.pid]);
      await exited;
      const startedAt = Date.now();
      const server = await start();
      expect(Date.now() - startedAt).toBeLessThan(politeMs);
      expect(postmasterPid()).not.toBe(orphan);
      expect(await query(server.url, 'select 1')).toEqual([1]);
      expect(server.said[0]).toContain('earlier run is still ending');
    },
  );

  it.skipIf(!isLinux)(
    'of everything but a busy session, a start has every acknowledged row',
    async () => {
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
      await until(async () => (await writer.query(activity)).rowCount === 1);
      let acknowledged = 0;
      const writing = (async () => {
        for (;;) {
          await writer.query('insert into rows values ($1)', [acknowledged + 1]);
          acknowledged += 1;
        }
      })().catch(() => {});
      await until(() => acknowledged > 200);
      const postmaster = postmasterPid();
      const exited = once(child.process, 'exit');
      killAtOnce([child.pid, parentOf(postmaster), postmaster]);
      await Promise.all([writing, exited]);
      expect(isAlive(busyPid)).toBe(true);

      const startedAt = Date.now();
      const server = await start();
      expect(Date.now() - startedAt).toBeLessThan(politeMs);
      const [count] = await query(server.url, 'select count(*)::int from rows');
      // One more may have been written whose acknowledgement was lost.
      expect([acknowledged, acknowledged + 1]).toContain(count);
      expect(server.said).toHaveLength(1);
    },
  );

  it('during the first start, nothing half-made is left or used', async () => {
    const dataDir = join(folder, 'data');
    for (const haltsWith of ['', 'data/PG_VERSION', 'data/base/5']) {
      const child = startChild({ haltsWith });
      expect(await child.next(({ halted }) => halted === true)).toEqual({ halted: true });
      await kill(child);
      expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    }
    const server = await start();
    expect(await query(server.url, 'select current_database()')).toEqual(['firstcome']);
    expect((await fs.readdir(dataDir)).sort()).toEqual(['owners', 'postgres', 'server.json']);
  });

  it.skipIf(!isLinux)(
    'a lock file whose pid now belongs to another program is no hindrance',
    async () => {
      const server = await start();
      const file = join(folder, 'data/postgres/data/postmaster.pid');
      const text = await fs.readFile(file, 'utf8');
      const { uid, gid } = await fs.stat(file);
      await server.stop();
      // PostgreSQL minds only processes of its own user.
      const ids = isRoot ? { uid, gid } : {};
      const unrelated = spawn('sleep', ['60'], { ...ids, cwd: '/', stdio: 'ignore' });
      try {
        await fs.writeFile(file, text.replace(/^\d+/, String(unrelated.pid)), { mode: 0o600 });
        if (isRoot) await fs.chown(file, uid, gid);
        const again = await start();
        expect(await query(again.url, 'select 1')).toEqual([1]);
        expect(again.said).toEqual([]);
      } finally {
        unrelated.kill();
      }
    },
  );
});

describe('a data folder', () => {
  it('has one owner: a second one is told who that is, and the first goes on', async () => {
    const child = startChild({});
    const { url, port } = await child.next(isReady);
    const told: Told = { said: [], logged: [] };
    const message = await failureOf(start({}, told));
    // Whatever takes long is told: it waits neither for the owner nor for his server.
    expect(told.said).toEqual([]);
    expect(message).toContain(`in use by process ${child.pid}`);
    expect(message).toContain(`127.0.0.1:${port}`);
    expect(message).toContain('DATA_DIR');
    expect(await query(url, 'select 1')).toEqual([1]);
  });

  it('has one owner within one process as well', async () => {
    const first = await start();
    expect(await failureOf(start())).toContain(`in use by process ${process.pid}`);
    expect(first.alive()).toBe(true);
    await first.stop();
    await start();
  });

  it('gets exactly one owner when several start at once', async () => {
    const candidates = Array.from({ length: 4 }, () => startChild({}));
    const answers = await Promise.all(candidates.map((child) => child.next(isError)));
    expect(answers.filter(isReady)).toHaveLength(1);
    for (const { error } of answers) {
      if (error) expect(error.message).toContain('in use by process');
    }
  });

  it('gets exactly one owner also where all of them are held up again and again', async () => {
    const asleep = new Int32Array(new SharedArrayBuffer(4));
    // As by a machine that has much else to do: for longer than those wait who have stepped back.
    const hold = setInterval(() => Atomics.wait(asleep, 0, 0, Math.random() * 100), 5);
    try {
      for (let round = 0; round < 3; round += 1) {
        const candidates = Array.from({ length: 4 }, () => takeOwnership(folder, () => {}));
        const ends = await Promise.allSettled(candidates);
        const owners = ends.filter((end) => end.status === 'fulfilled');
        expect(owners).toHaveLength(1);
        await owners[0]?.value.release();
      }
    } finally {
      clearInterval(hold);
    }
  });

  it('is not held by a process that only has the pid of a former owner', async () => {
    const dataDir = join(folder, 'data');
    const server = await start();
    const [name = ''] = await fs.readdir(join(dataDir, 'owners'));
    await server.stop();
    const [place, pid] = name.split('-');
    await fs.writeFile(join(dataDir, 'owners', `${place}-${pid}-earlier-0`), '');
    await start();
    expect(await fs.readdir(join(dataDir, 'owners'))).toHaveLength(1);
  });

  it('is held by an owner in another container while that one gives signs of life', async () => {
    const owners = join(folder, 'data/owners');
    await fs.mkdir(owners, { recursive: true });
    const other = join(owners, 'elsewhere-1-start-0');
    await fs.writeFile(other, '');
    const signs = setInterval(() => void fs.utimes(other, new Date(), new Date()), 200);
    try {
      expect(await failureOf(start())).toContain('in use by process 1 in another container');
    } finally {
      clearInterval(signs);
    }
    const server = await start();
    expect(server.said[0]).toContain('another container');
  });

  it('made by another major version is refused, with both versions named, and not touched', async () => {
    const file = join(folder, 'data/postgres/data/PG_VERSION');
    const server = await start();
    await server.stop();
    const version = await fs.readFile(file, 'utf8');
    await fs.writeFile(file, '12\n');
    const message = await failureOf(start());
    expect(message).toContain('made by PostgreSQL 12');
    expect(message).toContain(`this is PostgreSQL ${server.version}`);
    expect(message).toContain('DATA_DIR');
    await fs.writeFile(file, version);
    await start();
  });

  it('that holds only a part of a database is refused, and not overwritten', async () => {
    await (await start()).stop();
    await fs.rm(join(folder, 'data/postgres/data/PG_VERSION'));
    expect(await failureOf(start())).toContain('is not a PostgreSQL database');
    expect(existsSync(join(folder, 'data/postgres/data/base'))).toBe(true);
  });

  it('that is a file, or lies below one, is named', async () => {
    const file = join(folder, 'file');
    await fs.writeFile(file, 'text');
    for (const dataDir of [file, join(file, 'data')]) {
      const message = await failureOf(start({ dataDir }));
      expect(message).toContain(`${dataDir} is a file`);
    }
  });

  it.skipIf(!isRoot)('that its user may not write is named', async () => {
    const closed = join(folder, 'closed');
    await fs.mkdir(closed);
    for (const dataDir of [closed, join(closed, 'data')]) {
      const { error } = await startChild({ dataDir }, nobody).next(isError);
      expect(error?.name).toBe('BundledPostgresError');
      expect(error?.message).toContain(`User 65534 may not write in ${dataDir}`);
    }
  });

  it.skipIf(!isRoot)('that root began is given to a user with all in it, as it says', async () => {
    const dataDir = join(folder, 'data');
    await (await start()).stop();
    await fs.chown(dataDir, nobody.uid, nobody.gid);
    const { error } = await startChild({}, nobody).next(isError);
    expect(error?.message).toContain(`may not write in ${dataDir}. Give it and all in it`);
    expect(error?.message).toContain('chown -R');
    for (const path of await fs.readdir(dataDir, { recursive: true })) {
      await fs.lchown(join(dataDir, path), nobody.uid, nobody.gid);
    }
    expect(isReady(await startChild({}, nobody).next(isError))).toBe(true);
  });

  it.skipIf(!isRoot)('of another user is refused with the user named', async () => {
    await (await start()).stop();
    const dataDir = join(folder, 'data');
    const { uid } = await fs.stat(join(dataDir, 'postgres'));
    await fs.chmod(dataDir, 0o777);
    await fs.rm(join(dataDir, 'owners'), { recursive: true });
    const { error } = await startChild({}, nobody).next(isError);
    expect(error?.message).toContain(`belongs to user ${uid}`);
  });

  it.skipIf(!canMount)('on a read-only file system is named', async () => {
    await mountMemory('ro,size=1m');
    const message = await failureOf(start({ dataDir: join(folder, 'memory/data') }));
    expect(message).toContain('read-only file system');
  });

  it.skipIf(!canMount)('on a full disk is named, and is left empty', async () => {
    await mountMemory('size=20m');
    const dataDir = join(folder, 'memory/data');
    expect(await failureOf(start({ dataDir }))).toContain(`The disk that holds ${dataDir} is full`);
    expect(await fs.readdir(dataDir)).toEqual(['owners']);
    await fs.writeFile(join(folder, 'memory/filler'), Buffer.alloc(19 << 20));
    await fs.appendFile(join(folder, 'memory/filler'), Buffer.alloc(2 << 20)).catch(() => {});
    expect(await failureOf(start({ dataDir }))).toContain('is full');
  });
});

describe('started as root', () => {
  it.skipIf(!isRoot)('it runs as another user, which owns the database only', async () => {
    const server = await start();
    const { uid } = await fs.stat(`/proc/${postmasterPid()}`);
    expect(uid).not.toBe(0);
    const dataDir = join(folder, 'data');
    expect((await fs.stat(join(dataDir, 'postgres/data'))).uid).toBe(uid);
    expect((await fs.stat(join(dataDir, 'server.json'))).uid).toBe(0);
    expect(server.alive()).toBe(true);
  });

  it.skipIf(!hasUnshare)(
    'in a folder that only root can reach, it uses a user namespace',
    async () => {
      await fs.chmod(folder, 0o700);
      const child = startChild({});
      const { url, error } = await child.next(isReady);
      expect(error).toBeUndefined();
      await query(url, 'create table kept as select 1 as value');
      await kill(child);
      await until(() => serverPids().length === 0, watchedEndMs);
      // Opened to other users, the folder is given to the user that then runs the server.
      await fs.chmod(folder, 0o755);
      const server = await start();
      expect(await query(server.url, 'select value from kept')).toEqual([1]);
      expect((await fs.stat(join(folder, 'data/postgres'))).uid).not.toBe(0);
    },
  );

  it.skipIf(!isRoot)('in such a folder without namespaces, it says what to do', async () => {
    await fs.chmod(folder, 0o700);
    const { error } = await startChild({}, { env: { PATH: '/nowhere' } }).next(isError);
    expect(error?.message).toContain('PostgreSQL refuses to run as root');
    expect(error?.message).toContain(join(folder, 'data'));
    expect(error?.message).toContain('DATA_DIR');
  });

  it.skipIf(!isRoot)('with a package that only root can reach, it runs from a copy', async () => {
    const copy = await copyPackage();
    const closed = join(folder, 'closed');
    await fs.mkdir(closed, { mode: 0o700 });
    await fs.rename(copy, join(closed, 'package'));
    const programs = join(folder, 'programs');
    await fs.mkdir(programs);
    // Everything but unshare.
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

describe('stopping', () => {
  it('may be asked for twice, also at the same time', async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(server.logged.filter(({ message }) => message === 'PostgreSQL stopped')).toHaveLength(1);
  });

  it('ends sessions that are busy, and waits for none of them', async () => {
    const server = await start();
    const busy = await connect(server.url);
    const query = busy.query('select pg_sleep(60)').catch((error: Error) => error.message);
    const watcher = await connect(server.url);
    await until(async () => {
      const { rowCount } = await watcher.query(
        `select from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
      );
      return rowCount === 1;
    });
    const startedAt = Date.now();
    await server.stop();
    expect(Date.now() - startedAt).toBeLessThan(cleanStopMs);
    // By force it would be another word.
    expect(await query).toContain('due to administrator command');
  });

  it.skipIf(!isLinux)('ends by force a server that does not react', async () => {
    const server = await start();
    const pid = postmasterPid();
    process.kill(pid, 'SIGSTOP');
    await server.stop();
    expect(isAlive(pid)).toBe(false);
    expect(serverPids()).toEqual([]);
    await start();
  });

  it('before the start has finished leaves nothing, and the next start works', async () => {
    const dataDir = join(folder, 'data');
    const moments: (() => boolean)[] = [() => true, () => draftHolds(dataDir, 'data/PG_VERSION')];
    for (const isMoment of moments) {
      const stopping = new AbortController();
      const starting = failureOf(start({ signal: stopping.signal }));
      await until(isMoment);
      stopping.abort();
      expect(await starting).toContain('stopped before it had finished');
      expect(serverPids()).toEqual([]);
    }
    const stopping = new AbortController();
    const choosePort = async () => {
      const port = await chooseFreePort();
      expect(existsSync(join(dataDir, 'postgres'))).toBe(true);
      // By then the server has been started, and nothing that it wrote has been read.
      setImmediate(() => stopping.abort());
      return port;
    };
    const starting = failureOf(start({ signal: stopping.signal, choosePort }));
    expect(await starting).toContain('stopped before it had finished');
    expect(serverPids()).toEqual([]);
    await start();
    expect((await fs.readdir(dataDir)).sort()).toEqual(['owners', 'postgres', 'server.json']);
  });
});

function draftHolds(dataDir: string, path: string): boolean {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  return names.some((name) => name.startsWith('new-') && existsSync(join(dataDir, name, path)));
}

async function mountMemory(options: string): Promise<void> {
  const target = join(folder, 'memory');
  await fs.mkdir(target);
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', target]);
  mounts.push(target);
}

/** Listens as soon as the port is free. */
async function listenOn(port: number): Promise<Server> {
  for (;;) {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    const isListening = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    if (isListening) return server;
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
