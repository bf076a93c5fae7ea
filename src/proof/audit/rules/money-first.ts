// SPDX-License-Identifier: GPL-3.0-or-later
import type { EntryRecord } from '../../history.ts';
import { never } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { knownRows } from '../known-rows.ts';
import { changesOf } from '../ledger-rows.ts';
import type { Book } from '../outside.ts';
import { eachSagaClaim, needsOperator } from '../saga-claims.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';
import { isUndo } from './step-order.ts';

/**
 * R29. A claim is confirmed only when its steps are run, and released only when they are undone. So no unit belongs to a
 * second user while the money of the first is captured. Known is the order of a ledger row and an entry of a book where the
 * book was read after something showed the row, and did not have the entry yet.
 */
export function moneyComesFirst(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R29',
    'a unit comes back only when its money has gone back',
    'no book was read for a coupon with a saga',
  );
  const { history, outside } = evidence;
  const decidedIn = new Map<Sale, Decided>();
  eachSagaClaim(evidence, (one, sale) => {
    if (needsOperator(one)) return;
    const decided = decidedIn.get(sale) ?? decidedBy(sale, knownRows(history, { sale, outside }));
    decidedIn.set(sale, decided);
    const { claim_id: id, user_id: user, position } = one.claim;
    const { confirmed = never, released = never } = decided.get(position) ?? {};
    for (const { book, entries } of outside.entriesOf.get(id) ?? []) {
      findings.checked += entries.length;
      const report = (entry: EntryRecord | undefined, what: string) => {
        if (entry === undefined) return;
        findings.violation(() => {
          const late = `entry ${entry.seq} of ${book.name} is ${entry.action}`;
          return `${sale.name}: claim ${id} of ${user} was ${what}, and later ${late}`;
        });
      };
      const isLate = (line: number) => entriesAfter(book, line);
      const lateRun = isLate(confirmed);
      const late = isLate(released);
      report(entries.find(late), 'released');
      report(
        entries.find((entry) => !isUndo(entry) && lateRun(entry) && !late(entry)),
        'confirmed',
      );
    }
  });
  return findings.end();
}

/** By position: the lines by which the claim was certainly confirmed and released. */
type Decided = Map<number, { confirmed?: number; released?: number }>;

function decidedBy({ ledger }: Sale, known: readonly number[]): Decided {
  const decided: Decided = new Map();
  for (const [index, row] of ledger.entries()) {
    const line = known[index] ?? never;
    for (const { position, change } of changesOf(row)) {
      const before = decided.get(position) ?? {};
      if (change === 'C') decided.set(position, { ...before, confirmed: line });
      if (change === 'R') decided.set(position, { ...before, released: line });
    }
  }
  return decided;
}

/** Returns whether an entry is certainly younger than a line: a reading that was asked for after it does not have it. */
function entriesAfter({ readings }: Book, line: number): (entry: EntryRecord) => boolean {
  const first = readings.find(({ asked }) => asked > line);
  return ({ seq }) => first !== undefined && seq > first.seq;
}
