// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedCoupon } from '../../dump.ts';
import { never } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R12. Every claim was decided within its sale window, by the clock of the database, and every `not_open` and `closed`
 * agrees with the window: none without that end of it, no `not_open` after a claim was shown, and no win that was
 * requested after a `closed`. A window that differs from the one of the creation was changed, and cannot be judged.
 */
export function windowIsKept(evidence: Evidence): RuleReport {
  const { history, sales, dump } = evidence;
  const findings = new RuleFindings(
    'R12',
    'claims are decided within the sale window',
    'no claim of a coupon whose window is as it was created',
  );
  for (const sale of sales) {
    if (sale.coupon === undefined) continue;
    if (sale.isForeign || !hasWindowAsRequested(history, sale)) {
      const why = sale.isForeign
        ? 'other clients may have changed its window'
        : 'its window was changed';
      if (sale.ops.length > 0) findings.note(`${sale.name}: ${why}, not judged`);
      continue;
    }
    checkClaims(sale, sale.coupon, findings);
    checkRefusals(history, { sale, coupon: sale.coupon, takenAt: dump.taken_at }, findings);
  }
  return findings.end();
}

/** Whether the stored window is the one of the creation, and the sale is not paused. */
export function hasWindowAsRequested(history: RecordedHistory, { coupon, ops }: Sale): boolean {
  if (coupon === undefined || coupon.paused) return false;
  // The service stores the ends of a window in milliseconds.
  const toMs = (time: string | null) =>
    time === null ? null : Math.floor(microseconds(time) / 1000);
  return ops.some((op) => {
    const window = history.windows.get(op);
    return (
      window !== undefined &&
      history.type(op) !== 'fail' &&
      toMs(window.opensAt) === toMs(coupon.opens_at) &&
      toMs(window.closesAt) === toMs(coupon.closes_at)
    );
  });
}

function checkClaims({ name, held }: Sale, coupon: DumpedCoupon, findings: RuleFindings): void {
  const opens = coupon.opens_at === null ? Number.NEGATIVE_INFINITY : microseconds(coupon.opens_at);
  const closes =
    coupon.closes_at === null ? Number.POSITIVE_INFINITY : microseconds(coupon.closes_at);
  const created = microseconds(coupon.created_at);
  for (const { claim } of held) {
    findings.checked += 1;
    const at = microseconds(claim.claimed_at);
    const problem =
      at < opens
        ? `before it opened at ${coupon.opens_at}`
        : at >= closes
          ? `after it closed at ${coupon.closes_at}`
          : at < created
            ? `before it was created at ${coupon.created_at}`
            : undefined;
    if (problem === undefined) continue;
    findings.violation(() => {
      return `${name}: position ${claim.position} was claimed at ${claim.claimed_at}, ${problem}`;
    });
  }
}

function checkRefusals(
  history: RecordedHistory,
  { sale, coupon, takenAt }: { sale: Sale; coupon: DumpedCoupon; takenAt: string },
  findings: RuleFindings,
): void {
  const firstShown = sale.held.reduce((first, { shown }) => Math.min(first, shown), never);
  const lastBegun = sale.held.reduce((last, { begun }) => Math.max(last, begun), -1);
  const { opens_at: opensAt, closes_at: closesAt } = coupon;
  for (const op of sale.ops) {
    if (history.operation(op) !== 'claim' || history.type(op) !== 'fail') continue;
    const outcome = history.outcome(op);
    const report = (what: string) => findings.violation(() => `${history.describe(op)}: ${what}`);
    if (outcome === 'not_open') {
      findings.checked += 1;
      if (opensAt === null) report('the sale has no opening time');
      else if (firstShown < history.begunEvent.at(op)) report('a claim was shown before');
    } else if (outcome === 'closed') {
      findings.checked += 1;
      if (closesAt === null) report('the sale has no closing time');
      else if (microseconds(closesAt) > microseconds(takenAt)) report(`it closes at ${closesAt}`);
      else if (lastBegun > history.endEvent(op)) report('a claim that was requested later won');
    }
  }
}
