// SPDX-License-Identifier: GPL-3.0-or-later
/** CPU time and memory of processes, read from `/proc`. On systems without it every result is undefined. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

// Linux reports CPU time in hundredths of a second, whatever the frequency of its timer.
const ticksPerSecond = 100;

type Entry = { pid: number; parent: number; ticks: number; ticksOfEnded: number };

/** CPU seconds of a process, of its descendants, and of their children that have ended. */
export function cpuSecondsOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  const family = familyOf(pid);
  if (family.length === 0) return undefined;
  const ticks = family.reduce((sum, entry) => sum + entry.ticks + entry.ticksOfEnded, 0);
  return ticks / ticksPerSecond;
}

/** CPU seconds of one process with one thread, to the nanosecond. */
export function exactCpuSecondsOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9;
  } catch {
    return undefined;
  }
}

/** CPU seconds of the children of this process that have ended. */
export function cpuSecondsOfEndedChildren(): number | undefined {
  const entry = readEntry('self');
  return entry && entry.ticksOfEnded / ticksPerSecond;
}

/** Resets the peak memory of a process and its descendants. Returns whether the system supports that. */
export function resetPeakMemory(pid: number): boolean {
  try {
    for (const member of familyOf(pid)) writeFileSync(`/proc/${member.pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

/** The largest resident memory of a process and its descendants, each at its own peak, in megabytes (10^6 bytes). */
export function peakMemoryMbOf(pid: number): number | undefined {
  return memoryMbOf(pid, 'VmHWM');
}

/** The resident memory of a process and its descendants at this moment, in megabytes (10^6 bytes). */
export function residentMbOf(pid: number): number | undefined {
  return memoryMbOf(pid, 'VmRSS');
}

/** The parent of a process, if this machine can see it and it has this name. */
export function parentNamed(pid: number, name: string): number | undefined {
  const parent = readEntry(String(pid))?.parent;
  if (parent === undefined) return undefined;
  try {
    return readFileSync(`/proc/${parent}/comm`, 'utf8').trim() === name ? parent : undefined;
  } catch {
    return undefined;
  }
}

function memoryMbOf(pid: number, field: string): number | undefined {
  try {
    const kilobytes = familyOf(pid).map((member) => {
      const status = readFileSync(`/proc/${member.pid}/status`, 'utf8');
      return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN);
    });
    const sum = kilobytes.reduce((total, one) => total + one, 0);
    return kilobytes.length === 0 || Number.isNaN(sum) ? undefined : (sum * 1024) / 1e6;
  } catch {
    return undefined;
  }
}

function familyOf(pid: number): Entry[] {
  const all = allEntries();
  const family = all.filter((entry) => entry.pid === pid);
  for (const member of family) {
    for (const entry of all) if (entry.parent === member.pid) family.push(entry);
  }
  return family;
}

function allEntries(): Entry[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => readEntry(name) ?? []);
  } catch {
    return [];
  }
}

function readEntry(name: string): Entry | undefined {
  try {
    const line = readFileSync(`/proc/${name}/stat`, 'utf8');
    // The program name is in parentheses and may contain any character, so the fields are counted from its end.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const field = (index: number) => Number(fields[index]);
    return {
      pid: Number(line.slice(0, line.indexOf(' '))),
      parent: field(1),
      ticks: field(11) + field(12),
      ticksOfEnded: field(13) + field(14),
    };
  } catch {
    return undefined;
  }
}
