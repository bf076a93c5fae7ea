// SPDX-License-Identifier: GPL-3.0-or-later
/** What the benches share that measure one thing in one go: how their result is told and kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { say } from './clean-up.ts';
import type { Machine } from './machine.ts';

/** Writes a result to `output`, or under its name, and tells it. Returns the exit code. */
export function keepResult(
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

/** Named after the day and the commit, so that results lie in order. */
function defaultPath(machine: Machine, name: string): string {
  const day = new Date().toISOString().slice(0, 10);
  const commit = machine.commit.split(' ')[0] ?? 'unknown';
  return join(import.meta.dirname, 'results', `${day}-${commit}-${name}.json`);
}

/** What a part took between two looks; nothing where it could not be told. */
export function difference(part: string, before: number | undefined, after: number | undefined) {
  return before === undefined || after === undefined ? {} : { [part]: after - before };
}
