// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedCoupon } from '../../dump.ts';
import { never } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R12. Every claim was decided within its sale window, by the clock of the database, and nobody hears `not_open` or
 * `closed` that the window rules out: none without that end of the window, no `not_open` once a claim was shown, and no
 * claim that was asked for after `closed`. A window that is not as it was created was changed by somebody; then this
 * cannot be judged.
 */
export function windowIsKept(evidence: Evidence): RuleReport {
  const { history, sales, dump } = evidence;
  const findings = new RuleFindings('R12', 'claims are decided within the sale window');
  for (const sale of sales) {
    if (sale.coupon === undefined) continue;
    if (sale.isForeign || !hasWindowAsAsked(history, sale)) {
      const why = sale.isForeign ? 'others may have changed its window' : 'its window was changed';
      if (sale.ops.length > 0) findings.note(`${sale.name}: ${why}, not judged`);
      continue;
    }
    checkClaims(sale, sale.coupon, findings);
    checkRefusals(history, { sale, coupon: sale.coupon, takenAt: dump.taken_at }, findings);
  }
  return findings.end();
}

/** Whether the stored window is the one that the creation asked for, and nobody paused the sale. */
export function hasWindowAsAsked(history: RecordedHistory, { coupon, ops }: Sale): boolean {
  if (coupon === undefined || coupon.paused) return false;
  // The service keeps a window's ends in milliseconds.
  const toMs = (time: string | null) =>
    time === null ? null : Math.floor(microseconds(time) / 1000);
  return ops.some((op) => {
    const asked = history.windows.get(op);
    return (
      asked !== undefined &&
      history.type(op) !== 'fail' &&
      toMs(asked.opensAt) === toMs(coupon.opens_at) &&
      toMs(asked.closesAt) === toMs(coupon.closes_at)
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
      if (opensAt === null) report('the sale has no time of opening');
      else if (firstShown < history.begunEvent.at(op)) report('a claim had been shown before');
    } else if (outcome === 'closed') {
      findings.checked += 1;
      if (closesAt === null) report('the sale has no time of closing');
      else if (microseconds(closesAt) > microseconds(takenAt)) report(`it closes at ${closesAt}`);
      else if (lastBegun > history.endEvent(op)) report('a claim that was asked for later won');
    }
  }
}
