// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import { claimsAt } from '../assumptions.ts';
import { absent } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { type Grants, grantedBefore, grantsOf } from '../granted.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { countBelow } from '../sorted.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R9. A read shows one moment between its request and its answer; a cached answer, which has an `Age`, one that is earlier than
 * the request by no more than that, and by no more than the request accepts. So the amount includes all stock that was acknowledged
 * before, and none that was requested after; `amount - remaining_amount` includes all claims that were shown before, and
 * none that was requested after. Of two consecutive reads, the second never shows less, unless it is cached. Where claims end, those that may
 * have ended may be missing, and those that were shown to have ended are.
 */
export function readsWithinBounds({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R9',
    'a read shows a state between request and answer',
    'no read of a coupon was answered',
  );
  for (const sale of sales) {
    const reads = sale.ops.filter((op) => {
      return history.operation(op) === 'read' && history.type(op) === 'ok';
    });
    if (reads.length === 0) continue;
    if (sale.isForeign) {
      findings.note(`${sale.name}: other clients may have changed it, reads are not judged`);
      continue;
    }
    checkReads(history, { sale, reads }, findings);
    checkOrder(history, { reads, claimsEnd: sale.claimsEnd }, findings);
  }
  return findings.end();
}

function checkReads(
  history: RecordedHistory,
  { sale, reads }: { sale: Sale; reads: Int32Array },
  findings: RuleFindings,
): void {
  const grants = grantsOf(history, sale);
  const shown = Float64Array.from(sale.held, (held) => held.shown).sort();
  const begun = Float64Array.from(sale.held, (held) => held.begun).sort();
  const mayEnd = Float64Array.from(sale.held, ({ ending }) => ending.begun).sort();
  const ended = Float64Array.from(sale.held, ({ ending }) => ending.shown).sort();
  for (const op of reads) {
    findings.checked += 1;
    const { event, ms } = history.shownSince(op);
    const from = event + 1;
    const to = history.endEvent(op);
    const amount = history.amount.at(op);
    const remaining = history.remaining.at(op);
    const report = (what: string) => findings.violation(() => `${history.describe(op)}: ${what}`);
    if (amount === absent || remaining === absent) {
      report('shows no amount or no remaining_amount');
      continue;
    }
    if (history.ageSeconds.at(op) > history.maxAgeSeconds.at(op)) {
      report(`is ${history.ageSeconds.at(op)} s old, accepted: ${history.maxAgeSeconds.at(op)} s`);
    }
    if (remaining < 0 || remaining > amount)
      report(`showed ${remaining} of ${counted(amount, 'unit')}`);
    const amountMin = grantedBefore(grants, {
      ...{ event: from, ms, delayMs: 0 },
    });
    const amountMax = grantedAtMost(grants, to);
    if (amount < amountMin || amount > amountMax) {
      report(`showed an amount of ${amount}, possible: ${amountMin} to ${amountMax}`);
    }
    const claims = claimsAt({ amount, remaining });
    const claimsMin = Math.max(0, countBelow(shown, from) - countBelow(mayEnd, to));
    const claimsMax = countBelow(begun, to) - countBelow(ended, from);
    if (claims < claimsMin || claims > claimsMax) {
      report(`showed ${counted(claims, 'claim')}, possible: ${claimsMin} to ${claimsMax}`);
    }
  }
}

/** The units that may have existed by an event. */
function grantedAtMost({ created, added }: Grants, event: number): number {
  let units = created?.unitsMax ?? 0;
  for (const grant of added) if (grant.begun < event) units += grant.unitsMax;
  return units;
}

function checkOrder(
  history: RecordedHistory,
  { reads, claimsEnd }: { reads: Int32Array; claimsEnd: boolean },
  findings: RuleFindings,
): void {
  const byEnd = reads.slice().sort((a, b) => history.endEvent(a) - history.endEvent(b));
  const since = new Map([...reads].map((op) => [op, history.shownSince(op).event]));
  const bySince = [...since].sort(([, a], [, b]) => a - b);
  let over = 0;
  let most = { amount: 0, claims: 0 };
  for (const [op, event] of bySince) {
    for (; over < byEnd.length; over += 1) {
      const before = byEnd[over] as number;
      if (history.endEvent(before) > event) break;
      const shown = shownBy(history, before);
      most = {
        amount: Math.max(most.amount, shown.amount),
        claims: Math.max(most.claims, shown.claims),
      };
    }
    const { amount, claims } = shownBy(history, op);
    if (amount < most.amount || (!claimsEnd && claims < most.claims)) {
      findings.violation(() => {
        const now = `${counted(amount, 'unit')} and ${counted(claims, 'claim')}`;
        return `${history.describe(op)}: showed ${now}, after ${most.amount} and ${most.claims}`;
      });
    }
  }
}

function shownBy(history: RecordedHistory, op: number): { amount: number; claims: number } {
  const amount = history.amount.at(op);
  return { amount, claims: claimsAt({ amount, remaining: history.remaining.at(op) }) };
}
