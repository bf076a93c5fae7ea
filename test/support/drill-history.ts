// SPDX-License-Identifier: GPL-3.0-or-later
/** Runs a drill in a temporary folder, and reads its history back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDrill } from '../../src/proof/drill/drill.ts';
import type { DrillOptions } from '../../src/proof/drill/options.ts';
import type { DrillReport } from '../../src/proof/drill/report.ts';
import type { HistoryEvent, HistoryHead } from '../../src/proof/history.ts';

/** All results of a drill. */
export type DrillRun = {
  report: DrillReport;
  head: HistoryHead;
  events: HistoryEvent[];
  /** What was written to the terminal. */
  printed: string;
  json: DrillReport;
  html: string;
};

/** Runs a drill to its end, reads its files and removes them. */
export async function runDrillHere(
  options: Omit<DrillOptions, 'history' | 'jsonReport' | 'htmlReport'>,
  signal?: AbortSignal,
): Promise<DrillRun> {
  const folder = mkdtempSync(join(tmpdir(), 'firstcome-drill-'));
  const files = {
    history: join(folder, 'history.jsonl'),
    jsonReport: join(folder, 'report.json'),
    htmlReport: join(folder, 'report.html'),
  };
  let printed = '';
  const write = (text: string) => {
    printed += text;
  };
  try {
    const terminal = { write, draw: undefined, columns: undefined };
    const { report } = await runDrill({ ...options, ...files }, terminal, signal);
    return {
      ...{ report, printed, ...readHistory(files.history) },
      json: JSON.parse(readFileSync(files.jsonReport, 'utf8')),
      html: readFileSync(files.htmlReport, 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The head and the events of a history. Throws when a line of it is not JSON. */
export function readHistory(file: string): { head: HistoryHead; events: HistoryEvent[] } {
  const text = readFileSync(file, 'utf8');
  const [head, ...events] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { head, events };
}

/** The violations of the history format; none for a correct history. */
export function flawsOf(events: readonly HistoryEvent[]): string[] {
  const flaws: string[] = [];
  const begun = new Map<number, HistoryEvent>();
  const ended = new Set<number>();
  const busy = new Map<number, number>();
  const unknown = new Set<number>();
  let lastMs = 0;
  const accepted = new Set<number>();
  for (const [index, event] of events.entries()) {
    const { i, op, proc, type } = event;
    if (i !== index) flaws.push(`event ${index} has the number ${i}`);
    if (event.t_ms < lastMs) flaws.push(`event ${i} has an earlier time than the one before it`);
    lastMs = event.t_ms;
    if (type === 'invoke') {
      if (op !== begun.size) flaws.push(`operation ${op} is out of order, expected ${begun.size}`);
      if (busy.has(proc)) flaws.push(`proc ${proc} has two operations under way`);
      if (unknown.has(proc)) flaws.push(`proc ${proc} continues after an info`);
      begun.set(op, event);
      busy.set(proc, op);
      continue;
    }
    const invoke = begun.get(op);
    if (invoke === undefined || ended.has(op)) flaws.push(`event ${i} completes no operation`);
    if (busy.get(proc) !== op) flaws.push(`event ${i} belongs to another proc`);
    if (invoke !== undefined && identityOf(invoke) !== identityOf(event)) {
      flaws.push(`event ${i} differs from its invocation`);
    }
    if (type === 'accepted') {
      if (accepted.has(op)) flaws.push(`event ${i} accepts its claim again`);
      accepted.add(op);
      unknown.add(proc);
      continue;
    }
    ended.add(op);
    busy.delete(proc);
    if (type === 'info') unknown.add(proc);
  }
  return flaws;
}

function identityOf({ node, f, coupon, user, key, attempt }: HistoryEvent): string {
  return JSON.stringify([node, f, coupon, user, key, attempt]);
}
