// SPDX-License-Identifier: GPL-3.0-or-later
import type { BookAction, EntryRecord } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

const undos: ReadonlySet<BookAction> = new Set(['void', 'refund', 'revoke']);

/** Whether this entry undoes a step. */
export function isUndo({ action }: EntryRecord): boolean {
  return undos.has(action);
}

/**
 * R28. In each book a saga first runs its steps, and then undoes them in reverse order. So no step is run after its undo,
 * also not by a call that a paused process sends late, and nothing is captured that was not authorized before.
 */
export function stepsAreInOrder({ outside }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R28',
    'no step is run after an undo, and undos are in reverse order',
    'no book was read',
  );
  for (const parts of outside.entriesOf.values()) {
    for (const { book, entries } of parts) {
      findings.checked += entries.length;
      for (const problem of problemsOf(entries)) {
        findings.violation(() => {
          const [{ claim_id: id, user } = { claim_id: '', user: '' }] = entries;
          return `${book.name}: claim ${id} of ${user}: ${problem}`;
        });
      }
    }
  }
  return findings.end();
}

function problemsOf(entries: readonly EntryRecord[]): string[] {
  const problems: string[] = [];
  const runs: string[] = [];
  let undone: { seq: number; run: number } | undefined;
  let isAuthorized = false;
  for (const entry of entries) {
    const { seq, step, action } = entry;
    const run = runs.lastIndexOf(step);
    if (!isUndo(entry)) {
      if (undone !== undefined) {
        problems.push(`entry ${seq} is ${action}, after the undo of entry ${undone.seq}`);
      }
      if (action === 'capture' && !isAuthorized) {
        problems.push(`entry ${seq} captures what was not authorized`);
      }
      isAuthorized ||= action === 'authorize';
      runs.push(step);
    } else if (run !== -1) {
      if (undone !== undefined && run > undone.run) {
        problems.push(`entry ${seq} undoes ${step}, after the undo of ${runs[undone.run]}`);
      }
      undone = { seq, run };
    } else undone ??= { seq, run: runs.length };
  }
  return problems;
}
