// SPDX-License-Identifier: GPL-3.0-or-later
import { counted, whole } from '../../numbers.ts';
import type { Evidence, Sale } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R18. The run shows something: enough claims ended well, the refusals that its scenario promises were heard, and the
 * faults that were injected were felt by a client. Otherwise the verdict is `unknown`.
 */
export function isNotVacuous({ history, sales, faults, options }: Evidence): RuleReport {
  const findings = new RuleFindings('R18', 'enough happened to judge by');
  const heard = new Set<string>();
  let isFelt = false;
  for (let op = 0; op < history.count; op += 1) {
    if (history.operation(op) === 'claim') {
      if (history.type(op) === 'ok') findings.checked += 1;
      else heard.add(history.outcome(op) ?? '');
    }
    if (!isFelt && isDisturbed(history, op, options.slowMs)) {
      const ms = history.endMs(op);
      isFelt =
        faults?.some((one) => ms >= one.beginMs && ms <= one.endMs + options.faultFeltMs) ?? false;
    }
  }
  const { refusals } = options;
  const needed = Math.min(options.okClaimsMin, unitsOf(sales));
  if (findings.checked < needed) {
    findings.undecided(
      `${counted(findings.checked, 'claim')} ended well, needed: ${whole(needed)}`,
    );
  }
  const missing = refusals?.filter((refusal) => !heard.has(refusal)) ?? [];
  if (missing.length > 0) findings.undecided(`nobody heard ${missing.join(', ')}`);
  if (refusals === undefined && !heard.has('sold_out') && !heard.has('already_claimed')) {
    findings.undecided('nobody heard sold_out or already_claimed');
  }
  if (faults?.length === 0) findings.undecided('the file of faults tells of none in this history');
  else if (faults !== undefined && !isFelt) findings.undecided('no client felt any fault');
  return findings.end();
}

/** The units of the coupons that the history created: no more claims can win, however many come. */
function unitsOf(sales: readonly Sale[]): number {
  return sales.reduce(
    (sum, { coupon, isForeign }) => sum + (isForeign ? 0 : (coupon?.amount ?? 0)),
    0,
  );
}

/** Whether a client was not served, could not tell, or had to wait long. */
function isDisturbed(history: RecordedHistory, op: number, slowMs: number): boolean {
  if (history.isOpen(op)) return false;
  if (history.endMs(op) - history.begunMs.at(op) >= slowMs) return true;
  if (history.type(op) === 'ok') return false;
  const http = history.http.at(op);
  const isUnanswered = history.type(op) === 'fail' && history.outcome(op) === 'refused';
  return history.type(op) === 'info' || http === 503 || http === 429 || isUnanswered;
}
