// SPDX-License-Identifier: GPL-3.0-or-later
/** The processes of this machine as `/proc` shows them, and families of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { signalIfExists } from './server-processes.ts';

/** A process as `/proc` shows it. `start` distinguishes it from a later process with the same pid. */
export type ProcessEntry = { pid: number; parent: number; start: string; command: string };

/** All running processes. Linux only. */
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

/** The process and all of its descendants. */
export function familyOf(pid: number): ProcessEntry[] {
  const all = processes();
  const family = all.filter((entry) => entry.pid === pid);
  for (const member of family) {
    for (const entry of all) if (entry.parent === member.pid) family.push(entry);
  }
  return family;
}

/**
 * Kills the process and all of its descendants at once, as a power failure would. Suspends them first, so that none of
 * them reacts to the end of another or starts a new process.
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

/** The processes of this list that still run. */
export function stillAlive(entries: readonly ProcessEntry[]): ProcessEntry[] {
  const now = new Map(processes().map((entry) => [entry.pid, entry.start]));
  return entries.filter((entry) => now.get(entry.pid) === entry.start);
}
