// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { errorCodeOf } from './bundled-postgres-error.ts';

const run = promisify(execFile);
const hasProc = process.platform === 'linux';

/**
 * A name for the life of one process: a later process with the same pid has another one, also after a reboot.
 * `unknown` when the process lives but may not be looked at; undefined when it is gone, or is a zombie.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (!isThere(pid)) return undefined;
  try {
    return hasProc ? await startFromProc(pid) : await startFromPs(pid);
  } catch {
    // The process may have ended between the two looks, or /proc may hide those of other users.
    return isThere(pid) ? 'unknown' : undefined;
  }
}

/** Whether the process that had this start is still the one behind the pid. In doubt, it is. */
export async function isSameProcess(pid: number, start: string): Promise<boolean> {
  const now = await processStart(pid);
  return now !== undefined && (now === 'unknown' || now === start);
}

/** Whether a signal would find a process; zombies count. */
export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCodeOf(error) === 'EPERM';
  }
}

/** Sends a signal; a process that is gone, or belongs to somebody else, is left alone. */
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
  // The command in parentheses may hold spaces and parentheses itself; the fields that follow do not.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields[0], fields[19]];
  return state === 'Z' || state === 'X' ? undefined : `${boot.slice(0, 8)}.${ticks}`;
}

async function startFromPs(pid: number): Promise<string | undefined> {
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
  return stdout.trim().replace(/\W+/g, '.') || undefined;
}

/** A process of one cluster: its postmaster, or one of the processes that the postmaster made. */
export type ClusterProcess = { pid: number; isPostmaster: boolean };

/** Every living process of the cluster with this `cluster_name`, told by command line or process title. */
export async function findClusterProcesses(clusterName: string): Promise<ClusterProcess[]> {
  const commands = hasProc ? await commandsFromProc() : await commandsFromPs();
  return commands.flatMap(({ pid, words }): ClusterProcess[] => {
    const program = words[0] ?? '';
    // cwd would tell the folder too, but root in a container may not read it of another user's process.
    if (program.startsWith(`postgres: ${clusterName}: `)) return [{ pid, isPostmaster: false }];
    const isServer = basename(program) === 'postgres';
    const isOurs = isServer && words.includes(`cluster_name=${clusterName}`);
    return isOurs ? [{ pid, isPostmaster: true }] : [];
  });
}

/** Whether this pid is a PostgreSQL server on that data folder, whoever started it. In doubt, it is. */
export async function isPostmasterOn(pid: number, dataFolder: string): Promise<boolean> {
  const commands = hasProc ? await commandOf(pid) : await commandsFromPs();
  const words = commands.find((command) => command.pid === pid)?.words ?? [];
  if (!['postgres', 'postmaster'].includes(basename(words[0] ?? ''))) return false;
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => words[words.indexOf('-D') + 1]);
  if (folder === undefined || !words.includes('-D')) return true;
  const [theirs, ours] = await Promise.all([stat(folder).catch(() => undefined), stat(dataFolder)]);
  return theirs === undefined || (theirs.ino === ours.ino && theirs.dev === ours.dev);
}

type Command = { pid: number; words: string[] };

async function commandsFromProc(): Promise<Command[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(commandOf))).flat();
}

async function commandOf(pid: number): Promise<Command[]> {
  // A zombie has an empty command line, so it is never taken for a server.
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line === '' ? [] : [{ pid, words: line.split('\0') }];
}

async function commandsFromPs(): Promise<Command[]> {
  const { stdout } = await run('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 64 << 20 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) return [];
    const isTitle = command.startsWith('postgres: ');
    // Arguments are not kept apart here, so a folder with a space is not recognised; that only costs a wait.
    return [{ pid: Number(pid), words: isTitle ? [command] : command.split(' ') }];
  });
}
