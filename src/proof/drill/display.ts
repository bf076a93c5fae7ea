// SPDX-License-Identifier: GPL-3.0-or-later

import { millis, whole } from '../numbers.ts';
import { labelOf, type OutcomeClass, outcomeClasses } from './completion.ts';
import { lagMsLimit } from './report.ts';
import type { ClassCounts } from './tally.ts';

/** Where a drill shows its progress. */
export type Terminal = {
  write(text: string): void;
  /** Writes a text that moves the cursor; undefined where the output cannot be overwritten. */
  draw: ((text: string) => void) | undefined;
  /** Undefined where the width is unknown. */
  columns: number | undefined;
};

/** The state of a load at one moment. */
export type Progress = {
  scenario: string;
  phase: string;
  elapsedS: number;
  /** The planned length of the load, without the wait for the last answers; undefined for a closed loop. */
  totalS?: number;
  /** The share of the load that is done; may exceed 1. */
  share: number;
  asked: number;
  /** In the last second. */
  askedPerSecond: number;
  answers: ClassCounts;
  waiting: number;
  underWay: number;
  /** In the last second. */
  p50: number;
  p99: number;
  lagMs: number;
};

const columnsMax = 80;
const barCells = 20;
const up = (lines: number) => `\u001b[${lines}A\r`;
const clearLine = '\u001b[2K';

/** On a terminal, redraws one block; elsewhere, prints plain lines each time. None exceeds 80 columns. */
export class Display {
  private readonly terminal: Terminal;
  private linesDrawn = 0;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** The interval between two updates. */
  get everyMs(): number {
    return this.terminal.draw === undefined ? 1000 : 200;
  }

  show(progress: Progress): void {
    const { write, draw } = this.terminal;
    if (draw === undefined) {
      write(`${plainLines(progress).join('\n')}\n`);
      return;
    }
    const width = Math.min(columnsMax, Math.max(1, this.terminal.columns ?? columnsMax));
    const lines = block(progress).map((line) => clearLine + line.slice(0, width));
    const back = this.linesDrawn === 0 ? '' : up(this.linesDrawn);
    draw(`${back}${lines.join('\n')}\n`);
    this.linesDrawn = lines.length;
  }
}

function block(progress: Progress): string[] {
  const { elapsedS, totalS, answers } = progress;
  const filled = Math.round(Math.min(1, progress.share) * barCells);
  const length = totalS === undefined ? '' : ` of ${totalS.toFixed(0)}`;
  const bar = '#'.repeat(filled) + '-'.repeat(barCells - filled);
  return [
    `${progress.scenario}  [${bar}] ${elapsedS.toFixed(0)}${length} s  ${progress.phase}`,
    `  requests ${whole(progress.asked)}   ${whole(progress.askedPerSecond)}/s   waiting ${whole(progress.waiting)}   under way ${whole(progress.underWay)}`,
    `  ${outcomesLine(answers)}`,
    `  p50 ${millis(progress.p50)} ms   p99 ${millis(progress.p99)} ms   generator late ${millis(progress.lagMs)} ms`,
  ];
}

/** Usually one line: it leaves out what is zero, and how late a generator is that keeps to its plan. */
function plainLines(progress: Progress): string[] {
  const { elapsedS, phase, askedPerSecond, p50, p99, lagMs, answers } = progress;
  const counts = outcomeClasses.filter((name) => isAlwaysShown(name) || answers[name] > 0);
  const parts = [
    `${elapsedS.toFixed(0)} s ${phase}: ${whole(askedPerSecond)}/s`,
    `p50 ${millis(p50)} p99 ${millis(p99)} ms`,
    ...counts.map((name) => `${labelOf(name)} ${whole(answers[name])}`),
    ...(lagMs > lagMsLimit ? [`generator late ${millis(lagMs)} ms`] : []),
  ];
  const lines: string[] = [];
  for (const part of parts) {
    const longer = [...lines.slice(-1), part].join('  ');
    if (longer.length > columnsMax) lines.push(`  ${part}`);
    else lines.splice(-1, 1, longer);
  }
  return lines;
}

function isAlwaysShown(name: OutcomeClass): boolean {
  return name === 'won' || name === 'refused';
}

function outcomesLine(answers: ClassCounts): string {
  return outcomeClasses.map((name) => `${labelOf(name)} ${whole(answers[name])}`).join('  ');
}
