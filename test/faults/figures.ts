// SPDX-License-Identifier: GPL-3.0-or-later
/** Writes the results of a run of the suite into `docs/guarantees.md`. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { scenariosOf } from './loads.ts';
import { rows } from './rows.ts';
import type { RunResult } from './run-result.ts';

const page = new URL('../../docs/guarantees.md', import.meta.url);
const [begin, end] = ['<!-- figures -->', '<!-- /figures -->'];

/** When, where and with which version the runs took place. */
export type Circumstances = { date: string; commit: string; machine: string };

/** The circumstances of a run that takes place now. */
export function circumstances(): Circumstances {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('describe', '--always', '--dirty', '--exclude=*', '--abbrev=10'),
    machine: `${cpus().length} cores, Node ${process.version.slice(1)}`,
  };
}

/** Replaces the figures in `docs/guarantees.md`. */
export function recordFigures(results: readonly RunResult[], about: Circumstances): void {
  const text = readFileSync(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page.pathname} has no place for the figures`);
  const figures = figuresOf(results, about).join('\n');
  writeFileSync(page, `${text.slice(0, from)}${begin}\n${figures}\n${text.slice(to)}`);
}

/** Returns the figures in Markdown. */
export function figuresOf(results: readonly RunResult[], about: Circumstances): string[] {
  const played = results.filter(({ verdict }) => verdict !== 'skipped');
  const sum = (of: (result: RunResult) => number, among = played) =>
    among.reduce((total, result) => total + of(result), 0);
  const seeds = played.map(({ seed }) => seed);
  const stored = sum(({ unknowns }) => unknowns.stored);
  const unknowns = stored + sum(({ unknowns: { notStored } }) => notStored);
  const passed = played.filter(({ verdict }) => verdict === 'passed').length;
  const choices = rows.flatMap((row) => scenariosOf(row).map((scenario) => ({ row, scenario })));
  return [
    `${about.date}, commit \`${about.commit}\`, ${about.machine}: ${played.length} runs with the seeds`,
    `${Math.min(...seeds)} to ${Math.max(...seeds)}, of which ${passed} passed. Clients began ${sum(({ asked }) => asked)} operations and won`,
    `${sum(({ wins }) => wins)} claims. ${sum(({ faults }) => faults)} faults were injected; ${sum(({ felt }) => felt)} operations were refused or`,
    `unanswered during or soon after them. The outcome of ${unknowns} claims and changes was unknown to`,
    `their clients: ${stored} turned out stored, ${unknowns - stored} not.`,
    '',
    '| Row | Drill | Runs | Passed | Faults | Felt | Unknown, stored | Unknown, not stored |',
    '|---|---|---|---|---|---|---|---|',
    ...choices.flatMap(({ row: { row, name }, scenario }) => {
      const own = played.filter((result) => result.row === row && result.scenario === scenario);
      if (own.length === 0) return [];
      const columns = [
        `${row} ${name}`,
        scenario,
        own.length,
        own.filter(({ verdict }) => verdict === 'passed').length,
        sum(({ faults }) => faults, own),
        sum(({ felt }) => felt, own),
        sum(({ unknowns: { stored: one } }) => one, own),
        sum(({ unknowns: { notStored } }) => notStored, own),
      ];
      return [`| ${columns.join(' | ')} |`];
    }),
  ];
}
