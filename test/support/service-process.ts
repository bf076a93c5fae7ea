// SPDX-License-Identifier: GPL-3.0-or-later
/** The service as users run it: a process that is started from the command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type { Exit } from './end-of-process.ts';

import { type Exit, endOf, exitOf, killGroupOf, reportOptions } from './end-of-process.ts';
import { familyOf, stillAlive } from './process-family.ts';
import { waitFor } from './wait-for.ts';

const root = join(import.meta.dirname, '../..');
const startTimeoutMs = 120_000;
// The watcher of a bundled PostgreSQL gives it ten seconds to stop before it kills it.
const endTimeoutMs = 60_000;

/**
 * Limits for tests of what a service decides and not how soon: on a busy machine it refuses no claim and does not time
 * out.
 */
export const patience = {
  ...{ CLAIM_TIMEOUT_MS: '60000', CLAIM_WAIT_MAX_MS: '60000' },
  DATABASE_CONNECT_TIMEOUT_MS: '30000',
};

/** A started process. It leads its own process group. */
export type ServiceProcess = {
  pid: number;
  /** Its URL. */
  url: string;
  /** Everything that it has written so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Kills it and its process group at once, as a power failure would. */
  killGroup(): Promise<Exit>;
  /** Resolves when it has ended. Kills it after the limit, and rejects with what it wrote and what it waited for. */
  ended(limitMs?: number): Promise<Exit>;
};

const running = new Set<ChildProcess>();

/**
 * Starts a service, with another `command` if one is given, and waits until it prints its URL. Rejects with its output
 * if it exits before that.
 */
export async function startServiceProcess(
  env: Record<string, string>,
  command?: string[],
): Promise<ServiceProcess> {
  const started = launch(env, ['serve'], command);
  const url = await waitFor(
    'address of the service',
    () => {
      const printed = /serves (?:health and metrics )?on (http:\S+)/.exec(started.output())?.[1];
      if (printed === undefined && started.hasEnded()) return 'ended';
      return printed;
    },
    { timeoutMs: startTimeoutMs },
  );
  if (url === 'ended') throw new Error(`the service did not start:\n${started.output()}`);
  return { ...started, url };
}

/**
 * Runs a command until it exits, or until `over` aborts. `output` is everything that it wrote to `stdout` and `stderr`.
 * Rejects after the limit as `ended` does.
 */
export async function runToEnd(
  env: Record<string, string>,
  args: string[] = ['serve'],
  { over, limitMs }: { over?: AbortSignal; limitMs?: number } = {},
): Promise<Exit & { output: string }> {
  const started = launch(env, args);
  const end = () => void started.killGroup();
  if (over?.aborted) end();
  over?.addEventListener('abort', end, { once: true });
  const exit = await started.ended(limitMs).finally(() => over?.removeEventListener('abort', end));
  return { ...exit, output: started.output() };
}

/** Kills all services that still run, for the end of a test, and waits until their databases have ended too. */
export async function endServiceProcesses(): Promise<void> {
  const isLinux = process.platform === 'linux';
  const families = [...running].flatMap(({ pid = 0 }) => (isLinux ? familyOf(pid) : []));
  await Promise.all(
    [...running].map((child) => {
      const gone = exitOf(child);
      killGroupOf(child);
      return gone;
    }),
  );
  if (families.length === 0) return;
  await waitFor('end of what services have started', () => stillAlive(families).length === 0, {
    timeoutMs: endTimeoutMs,
  });
}

/** The command line of a command of the service, for a program that starts it in its own way. */
export function commandOf(args: string[]): string[] {
  return [process.execPath, ...program(), ...args];
}

/** Starts a command without waiting. */
export function launch(
  env: Record<string, string>,
  args: string[],
  [file = '', ...rest] = commandOf(args),
): Omit<ServiceProcess, 'url'> & { hasEnded(): boolean } {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(file, rest, {
    // A folder without a configuration file.
    cwd: tmpdir(),
    env: { PATH, HOME, PORT: '0', LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const exited = exitOf(child);
  let hasEnded = false;
  void exited.then(() => {
    hasEnded = true;
    running.delete(child);
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    output: () => output,
    signal: (name) => child.kill(name),
    killGroup: () => {
      killGroupOf(child);
      return exited;
    },
    hasEnded: () => hasEnded,
    ended: (limitMs) => endOf({ child, exited, output: () => output }, limitMs),
  };
}

let programOnce: string[] | undefined;

/** The built program, or the source if it is newer than the build. Compared once, since that reads all their files. */
function program(): string[] {
  programOnce ??= findProgram();
  return programOnce;
}

function findProgram(): string[] {
  const built = join(root, 'dist/main.js');
  const source = join(root, 'src');
  const builtMs = existsSync(built) ? newestMs(join(root, 'dist')) : 0;
  // With the options of its first line.
  if (builtMs > newestMs(source)) {
    return [
      ...reportOptions,
      '--max-semi-space-size=32',
      '--no-allocation-site-pretenuring',
      built,
    ];
  }
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return [...reportOptions, '--import', pathToFileURL(tsx).href, join(source, 'main.ts')];
}

function newestMs(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Math.max(
    ...files
      .filter((file) => file.isFile() && !file.name.endsWith('.test.ts'))
      .map((file) => statSync(join(file.parentPath, file.name)).mtimeMs),
  );
}
