// SPDX-License-Identifier: GPL-3.0-or-later
/** The service as users run it: its own process, started from the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { waitFor } from './wait-for.ts';

const root = join(import.meta.dirname, '../..');
const startTimeoutMs = 60_000;
// The shell that watches the database interrupts it for ten seconds before it kills it.
const endTimeoutMs = 30_000;

/** Generous limits for tests of decisions: on a slow machine the service neither refuses nor times out. */
export const patience = {
  ...{ CLAIM_TIMEOUT_MS: '60000', CLAIM_WAIT_MAX_MS: '60000' },
  DATABASE_CONNECT_TIMEOUT_MS: '30000',
};

/** How a process ended. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A started process, which leads its own process group. */
export type ServiceProcess = {
  pid: number;
  /** The URL of the service. */
  url: string;
  /** Its output so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Kills its process group. */
  killGroup(): Promise<Exit>;
  exited: Promise<Exit>;
};

const running = new Set<ChildProcess>();

/**
 * Starts a service, with another `command` if given, and waits until it prints its address. Rejects with its output when
 * it ends before.
 */
export async function startServiceProcess(
  env: Record<string, string>,
  command?: string[],
): Promise<ServiceProcess> {
  const started = launch(env, ['serve'], command);
  let ended = false;
  void started.exited.then(() => {
    ended = true;
  });
  const url = await waitFor(
    'address of the service',
    () => {
      const address = /serves on (http:\S+)/.exec(started.output())?.[1];
      return address === undefined && ended ? 'ended' : address;
    },
    { timeoutMs: startTimeoutMs },
  );
  if (url === 'ended') throw new Error(`the service did not start:\n${started.output()}`);
  return { ...started, url };
}

/** Runs a command to its end, or until `signal` aborts. `output` is that of `stdout` and `stderr`. */
export async function runToEnd(
  env: Record<string, string>,
  args: string[] = ['serve'],
  signal?: AbortSignal,
): Promise<Exit & { output: string }> {
  const started = launch(env, args);
  const end = () => void started.killGroup();
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  const exit = await started.exited;
  signal?.removeEventListener('abort', end);
  return { ...exit, output: started.output() };
}

/** Kills all services that still run, for the end of a test, and waits until their databases have ended too. */
export async function endServiceProcesses(): Promise<void> {
  const isLinux = process.platform === 'linux';
  const families = [...running].flatMap(({ pid = 0 }) => (isLinux ? familyOf(pid) : []));
  await Promise.all(
    [...running].map((child) => {
      const exited = exitOf(child);
      killGroupOf(child);
      return exited;
    }),
  );
  if (families.length === 0) return;
  await waitFor('end of the processes of services', () => stillAlive(families).length === 0, {
    timeoutMs: endTimeoutMs,
  });
}

/** The command line of a command of the service, for tests that start it in another way. */
export function commandOf(args: string[]): string[] {
  return [process.execPath, ...program(), ...args];
}

/** Starts a command and does not wait for it. */
export function launch(
  env: Record<string, string>,
  args: string[],
  [file = '', ...rest] = commandOf(args),
): Omit<ServiceProcess, 'url'> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(file, rest, {
    // A folder without configuration files.
    cwd: tmpdir(),
    env: { PATH, HOME, PORT: '0', LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const exited = exitOf(child);
  void exited.then(() => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    signal: (name) => child.kill(name),
    killGroup: () => {
      killGroupOf(child);
      return exited;
    },
    exited,
  };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function killGroupOf(child: ChildProcess): void {
  if (child.pid !== undefined) signalIfExists(-child.pid, 'SIGKILL');
}

/** The built program, or the source if it is newer. */
function program(): string[] {
  const built = join(root, 'dist/main.js');
  const source = join(root, 'src');
  const builtMs = existsSync(built) ? newestMs(join(root, 'dist')) : 0;
  // The option is that of its first line.
  if (builtMs > newestMs(source)) {
    return ['--max-semi-space-size=32', built];
  }
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, join(source, 'main.ts')];
}

function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(
    ...files
      .filter((file) => file.isFile() && !file.name.endsWith('.test.ts'))
      .map((file) => statSync(join(file.parentPath, file.name)).mtimeMs),
  );
}

/** A process in `/proc`; `start` distinguishes it from a later one with the same pid. */
export type ProcessEntry = { pid: number; parent: number; start: string; command: string };

/** All living processes. Linux only. */
export function processes(): ProcessEntry[] {
  return readdirSync('/proc').flatMap((name): ProcessEntry[] => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const line = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (fields[0] === 'Z' || fields[0] === 'X') return [];
      return [{ pid: Number(name), parent: Number(fields[1]), start: fields[19] ?? '', command }];
    } catch {
      return [];
    }
  });
}

/** The process, its children, and theirs. */
export function familyOf(pid: number): ProcessEntry[] {
  const all = processes();
  const family = all.filter((entry) => entry.pid === pid);
  for (const member of family) {
    for (const entry of all) if (entry.parent === member.pid) family.push(entry);
  }
  return family;
}

/**
 * Kills a process and all its descendants at once, much like a power failure. Suspends them first, so that none reacts to
 * the end of another or starts a new one.
 */
export function killFamily(pid: number): void {
  const suspended = new Set<number>();
  for (;;) {
    const others = familyOf(pid).filter((member) => !suspended.has(member.pid));
    if (others.length === 0) break;
    for (const member of others) {
      signalIfExists(member.pid, 'SIGSTOP');
      suspended.add(member.pid);
    }
  }
  for (const member of suspended) signalIfExists(member, 'SIGKILL');
}

function signalIfExists(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The processes that still run. */
export function stillAlive(entries: readonly ProcessEntry[]): ProcessEntry[] {
  const now = new Map(processes().map((entry) => [entry.pid, entry.start]));
  return entries.filter((entry) => now.get(entry.pid) === entry.start);
}
