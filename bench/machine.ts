// SPDX-License-Identifier: GPL-3.0-or-later
/** Describes the machine of a run, without names of machines, users or folders. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { cpus, release, type as systemType, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

/** The description of the machine in the results. */
export type Machine = {
  processor: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  postgres: string;
  generator: string;
  commit: string;
  /** The median time of a synced write of 8 kB to the disk of the database. */
  syncMs: number;
};

// See statfs(2). A file system in memory confirms every write at once, so durability would cost nothing.
const tmpfsType = 0x01021994;

/** Describes this machine; `folder` holds the files of the database. */
export function describeMachine(facts: {
  postgres: string;
  generator: string;
  folder: string | undefined;
}): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: `${systemType()} ${release()}`,
    node: process.version,
    postgres: facts.postgres,
    generator: facts.generator,
    commit: commit(),
    syncMs: syncMs(facts.folder ?? tmpdir()),
  };
}

/** Whether the folder is in memory, where nothing is durable. */
export function isInMemory(folder: string = tmpdir()): boolean {
  return statfsSync(folder).type === tmpfsType;
}

/** The first line that a program prints with these arguments; undefined when it is not installed. */
export function versionOf(program: string, args: string[]): string | undefined {
  try {
    return firstLine(execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }));
  } catch (error) {
    // wrk prints its version and exits with an error.
    const output = (error as { stdout?: string }).stdout;
    return output ? firstLine(output) : undefined;
  }
}

/** The commit of the source, with a mark when the source differs from it. */
export function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../src') !== '';
    return `${git('rev-parse', '--short=10', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return 'unknown';
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.trim() ?? '';
}

function syncMs(folder: string): number {
  const path = join(folder, `firstcome-bench-sync-${process.pid}`);
  const file = openSync(path, 'w');
  try {
    const page = Buffer.alloc(8192, 1);
    const times = Array.from({ length: 200 }, () => {
      const startedMs = performance.now();
      writeSync(file, page, 0, page.length, 0);
      fdatasyncSync(file);
      return performance.now() - startedMs;
    });
    return median(times) ?? 0;
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
}
