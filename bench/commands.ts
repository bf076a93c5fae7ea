// SPDX-License-Identifier: GPL-3.0-or-later
/** `npm run bench:commands`: the CPU time of the commands that only print, compared with an empty script. */
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { parse, wholeNumber } from './options.ts';

const { rounds } = parse<{ rounds: number }>(
  new Command('npm run bench:commands --')
    .description(
      'Measures the CPU time of the commands that only print, and compares it with that of an empty ' +
        'script. Prints the median of each.',
    )
    .option('--rounds <count>', 'runs of each command', wholeNumber, 15),
  process.argv.slice(2),
);
const main = join(import.meta.dirname, '../dist/main.js');
const targets = [
  ['node', '-e', '0'],
  [main, '--version'],
  [main, '--help'],
  [main, 'config'],
];

/** User and system time of one run in milliseconds, including its children. */
function cpuMsOf(command: string[]): number {
  const script = '{ TIMEFORMAT="%U %S"; time "$@" >/dev/null 2>&1; } 2>&1';
  const { PATH = '' } = process.env;
  const times = execFileSync('/bin/bash', ['--norc', '-c', script, 'bash', ...command], {
    ...{ cwd: tmpdir(), env: { PATH }, encoding: 'utf8' },
  });
  const [user = Number.NaN, system = Number.NaN] = times.trim().split(' ').map(Number);
  return (user + system) * 1000;
}

const medians = targets.map((command) => {
  const all = Array.from({ length: rounds }, () => cpuMsOf(command)).sort((a, b) => a - b);
  return all[Math.floor(rounds / 2)] ?? Number.NaN;
});
const [empty = Number.NaN] = medians;
const lines = targets.map(([program = '', ...args], index) => {
  const name = `${program === main ? 'firstcome' : program} ${args.join(' ')}`.padEnd(22);
  const ms = medians[index] ?? Number.NaN;
  return `${name}${ms.toFixed(0).padStart(5)} ms  ${(ms / empty).toFixed(1)} times\n`;
});
process.stdout.write(lines.join(''));
