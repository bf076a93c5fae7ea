// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import { never } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { type Grants, grantedBefore, grantsOf } from '../granted.ts';
import { hasOverdueHold } from '../overdue-holds.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { countBelow } from '../sorted.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R10. `sold_out` was true at a moment between request and answer. With G units certainly granted by then, positions 1 to
 * G were all taken; so each of them is stored, and was requested before that answer. This also finds a claim that wins
 * although it was requested after a true `sold_out`: its position is beyond G, where R1 finds it unless stock was added.
 *
 * With added stock the answer may be older by `soldOutDelayMs`; without it, that delay has no effect.
 *
 * Where claims end, at least G claims may have been live at one moment, and no hold was expired whose unit could have been
 * taken.
 */
export function soldOutIsTrue({ history, sales, options }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R10',
    'sold_out is returned only while nothing is left',
    'no claim was refused as sold_out',
  );
  for (const sale of sales) {
    const answers = sale.ops.filter((op) => {
      return history.operation(op) === 'claim' && history.outcome(op) === 'sold_out';
    });
    if (answers.length === 0 || sale.coupon === undefined) continue;
    if (sale.isForeign) {
      findings.note(`${sale.name}: other clients may have claimed it, sold_out is not judged`);
      continue;
    }
    const parts = { sale, answers, delayMs: options.soldOutDelayMs };
    if (sale.claimsEnd) checkWhileClaimsEnd(history, parts, findings);
    else checkAnswers(history, parts, findings);
  }
  return findings.end();
}

function checkAnswers(
  history: RecordedHistory,
  { sale, answers, delayMs }: { sale: Sale; answers: Int32Array; delayMs: number },
  findings: RuleFindings,
): void {
  const grants: Grants = grantsOf(history, sale);
  const latest = latestByPosition(sale);
  for (const op of answers) {
    findings.checked += 1;
    const event = history.begunEvent.at(op);
    const granted = grantedBefore(grants, { event, ms: history.begunMs.at(op), delayMs });
    if (granted === 0) continue;
    const latestBegun = latest[granted - 1] ?? never;
    if (latestBegun < history.endEvent(op)) continue;
    findings.violation(() => {
      const late = latest.findIndex((begun) => begun >= history.endEvent(op));
      const position = late === -1 ? latest.length + 1 : late + 1;
      const when = late === -1 ? 'is not taken' : 'was requested later';
      return `${history.describe(op)}: of ${counted(granted, 'unit')} granted, position ${position} ${when}`;
    });
  }
}

function checkWhileClaimsEnd(
  history: RecordedHistory,
  { sale, answers, delayMs }: { sale: Sale; answers: Int32Array; delayMs: number },
  findings: RuleFindings,
): void {
  const grants: Grants = grantsOf(history, sale);
  const begun = Float64Array.from(sale.held, (held) => held.begun).sort();
  const ended = Float64Array.from(sale.held, ({ ending }) => ending.shown).sort();
  const isOverdue = hasOverdueHold(history, sale);
  for (const op of answers) {
    findings.checked += 1;
    const event = history.begunEvent.at(op);
    const granted = grantedBefore(grants, { event, ms: history.begunMs.at(op), delayMs });
    const live = countBelow(begun, history.endEvent(op)) - countBelow(ended, event);
    if (live < granted) {
      findings.violation(() => {
        const most = `at most ${counted(live, 'claim')} live`;
        return `${history.describe(op)}: of ${counted(granted, 'unit')} granted, ${most}`;
      });
    } else if (isOverdue(op)) {
      findings.violation(() => `${history.describe(op)}: a hold had expired, and had its unit`);
    }
  }
}

/** For each position, the latest request among the claims up to it. */
function latestByPosition({ held }: Sale): Float64Array {
  const latest = new Float64Array(held.length);
  let begun = -1;
  for (const [index, one] of held.entries()) {
    begun = Math.max(begun, one.begun);
    latest[index] = begun;
  }
  return latest;
}
