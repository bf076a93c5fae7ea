// SPDX-License-Identifier: GPL-3.0-or-later
/** Finds the processes of a bundled PostgreSQL and signals them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Every server process and shell whose command line, title or working folder contains the folder. Linux only. */
export function serverPids(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      if (command.includes('child.js')) return [];
      return command.includes(folder) || readlinkSync(`/proc/${name}/cwd`).startsWith(folder)
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

/** The process id of the postmaster of a data folder. */
export function postmasterPid(dataDir: string): number {
  const text = readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8');
  return Number.parseInt(text, 10);
}

/** The process id of the parent. */
export function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !['Z', 'X'].includes(statOf(pid)[0] ?? '');
  } catch {
    return false;
  }
}

/** The program that a process runs; empty when the process is gone. */
export function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}

/** Kills processes that watch each other. Suspends them first, so that none reacts to the end of another. */
export function killAtOnce(pids: number[]): void {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    for (const pid of pids) process.kill(pid, signal);
  }
}

/** Sends a signal; ignores a process that has ended meanwhile. */
export function signalIfExists(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The fields of `/proc/PID/stat` after the name: state, parent and more. */
function statOf(pid: number): string[] {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}
