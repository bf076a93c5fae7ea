// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { errorCodeOf } from './bundled-postgres-error.ts';

const run = promisify(execFile);
const hasProc = process.platform === 'linux';

/**
 * Names the start of a process: a later process with the same pid has another one, also after a reboot. `unknown` when
 * the process lives but cannot be inspected; undefined when it is gone or a zombie.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (!exists(pid)) return undefined;
  try {
    return hasProc ? await startFromProc(pid) : await startFromPs(pid);
  } catch {
    // The process may have ended since the check, or /proc may hide processes of other users.
    return exists(pid) ? 'unknown' : undefined;
  }
}

/** Whether the pid still belongs to the process that had this start. True in doubt. */
export async function isSameProcess(pid: number, start: string): Promise<boolean> {
  const now = await processStart(pid);
  return now !== undefined && (now === 'unknown' || now === start);
}

/** Whether a process has this pid; zombies count. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

/** Sends a signal. Ignores a process that is gone or belongs to another user. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCodeOf(error) !== 'ESRCH' && errorCodeOf(error) !== 'EPERM') throw error;
  }
}

async function startFromProc(pid: number): Promise<string | undefined> {
  const [line, boot] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'boot'),
  ]);
  // The command in parentheses can contain spaces and parentheses; the fields after it do not.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' ? undefined : `${boot.slice(0, 8)}.${ticks}`;
}

async function startFromPs(pid: number): Promise<string | undefined> {
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return stdout.trim().replace(/\W+/g, '.') || undefined;
}

/** A process of one cluster: its postmaster, or a child of that. */
export type ClusterProcess = { pid: number; isPostmaster: boolean };

/** Every living process of the cluster with this `cluster_name`, found by command line or process title. */
export async function findClusterProcesses(clusterName: string): Promise<ClusterProcess[]> {
  const commands = hasProc ? await commandsFromProc() : await commandsFromPs();
  return commands.flatMap(({ pid, argv }): ClusterProcess[] => {
    const program = argv[0] ?? '';
    // The current folder would identify it too, but root in a container cannot read that of another user's process.
    if (program.startsWith(`postgres: ${clusterName}: `)) return [{ pid, isPostmaster: false }];
    const isServer = basename(program) === 'postgres';
    const isOurs = isServer && argv.includes(`cluster_name=${clusterName}`);
    return isOurs ? [{ pid, isPostmaster: true }] : [];
  });
}

/** Whether this pid is a PostgreSQL server on that data folder, also one that firstcome did not start. True in doubt. */
export async function isPostmasterOn(pid: number, dataFolder: string): Promise<boolean> {
  const commands = hasProc ? await commandOf(pid) : await commandsFromPs();
  const argv = commands.find((command) => command.pid === pid)?.argv ?? [];
  if (!['postgres', 'postmaster'].includes(basename(argv[0] ?? ''))) return false;
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => argv[argv.indexOf('-D') + 1]);
  if (folder === undefined || !argv.includes('-D')) return true;
  const [found, own] = await Promise.all([stat(folder).catch(() => undefined), stat(dataFolder)]);
  return found === undefined || (found.ino === own.ino && found.dev === own.dev);
}

type Command = { pid: number; argv: string[] };

async function commandsFromProc(): Promise<Command[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(commandOf))).flat();
}

async function commandOf(pid: number): Promise<Command[]> {
  // A zombie has an empty command line, so it never counts as a server.
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line === '' ? [] : [{ pid, argv: line.split('\0') }];
}

async function commandsFromPs(): Promise<Command[]> {
  const { stdout } = await run('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 64 << 20 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) return [];
    const isTitle = command.startsWith('postgres: ');
    // `ps` does not separate arguments, so a folder with a space is not recognized. That only costs a wait.
    return [{ pid: Number(pid), argv: isTitle ? [command] : command.split(' ') }];
  });
}
