// SPDX-License-Identifier: GPL-3.0-or-later
/** Prints and saves the result of a bench that makes one measurement. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { say } from './clean-up.ts';
import type { Machine } from './machine.ts';

/** Writes the result to `output`, or to a file in `bench/results`, and prints the lines. Returns the exit code. */
export function saveResult(
  result: { machine: Machine; violations: string[] },
  { name, output, lines }: { name: string; output: string | undefined; lines: string[] },
): number {
  const path = output ?? defaultPath(result.machine, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, undefined, 1)}\n`);
  for (const line of lines) say(line);
  say(`written to ${relative(process.cwd(), path)}`);
  return result.violations.length === 0 ? 0 : 1;
}

/** The name starts with the day and the commit, so that the files sort by date. */
function defaultPath(machine: Machine, name: string): string {
  const day = new Date().toISOString().slice(0, 10);
  const commit = machine.commit.split(' ')[0] ?? 'unknown';
  return join(import.meta.dirname, 'results', `${day}-${commit}-${name}.json`);
}

/** The difference of two measurements under this name; an empty object where one is missing. */
export function difference(name: string, before: number | undefined, after: number | undefined) {
  return before === undefined || after === undefined ? {} : { [name]: after - before };
}
