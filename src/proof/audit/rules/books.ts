// SPDX-License-Identifier: GPL-3.0-or-later
import type { BookAction, BookKind, EntryRecord } from '../../history.ts';
import { haveSagas } from '../claim-states.ts';
import type { Evidence } from '../evidence.ts';
import {
  checkReadings,
  eachSagaClaim,
  entriesOf,
  isConfirmed,
  needsOperator,
  sumOf,
} from '../saga-claims.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

type Account = { kind: BookKind; taken: BookAction; back: BookAction; what: string };

const money: Account = { kind: 'payment', taken: 'capture', back: 'refund', what: 'payment' };
const points: Account = { kind: 'loyalty', taken: 'grant', back: 'revoke', what: 'grant' };

/**
 * R24. The money that was captured and not refunded is that of the claims which are confirmed or redeemed: exactly one
 * payment for each, and none for anything else. Claims whose sagas need attention are left out.
 */
export function paymentsMatchClaims(evidence: Evidence): RuleReport {
  const title = 'each confirmed claim is paid once, and nothing else is';
  return compareBooks(evidence, money, new RuleFindings('R24', title, notRead('payments')));
}

/** R25. The same as R24 for points that were granted and not revoked. */
export function pointsMatchClaims(evidence: Evidence): RuleReport {
  const title = 'each confirmed claim has its points once, and nothing else has';
  return compareBooks(evidence, points, new RuleFindings('R25', title, notRead('points')));
}

function notRead(what: string): string {
  return `no book of ${what} was read for a coupon with a saga`;
}

function compareBooks(evidence: Evidence, account: Account, findings: RuleFindings): RuleReport {
  const { kind, taken, back, what } = account;
  const { outside, sales } = evidence;
  if (!outside.books.some((book) => book.kind === kind)) return findings.end();
  checkReadings(evidence, findings);
  const stored = new Set<string>();
  eachSagaClaim(evidence, (one, { name }) => {
    const { claim_id: id, user_id: user } = one.claim;
    stored.add(id);
    if (needsOperator(one)) return;
    findings.checked += 1;
    const entries = entriesOf(outside, one, kind);
    const report = (problem: string) => {
      findings.violation(() => `${name}: claim ${id} of ${user} ${problem}`);
    };
    for (const step of new Set(entries.map((entry) => entry.step))) {
      const ofStep = entries.filter((entry) => entry.step === step);
      const times = ofStep.filter(({ action }) => action === taken).length;
      if (times > 1) report(`has ${times} entries of ${taken} by the step ${step}`);
      const net = sumOf(ofStep, taken) - sumOf(ofStep, back);
      if (net < 0) report(`gets back ${-net} more by ${back} than it gave by the step ${step}`);
    }
    // R27 reports a saga that has not ended.
    if (!isConfirmed(one) || one.saga?.state !== 'D') return;
    const kept = keptBy(entries, account);
    if (kept !== 1) report(`is confirmed, and has ${kept} of one ${what}`);
  });
  const own = new Set(sales.filter(haveSagas).map(({ name }) => name));
  for (const book of outside.books) {
    for (const { coupon, claim_id: id, user, action } of book.entries) {
      if (book.kind !== kind || !own.has(coupon) || stored.has(id)) continue;
      findings.violation(
        () => `${coupon}: ${action} for claim ${id} of ${user}, which is no claim`,
      );
    }
  }
  return findings.end();
}

/** How many steps took something that was not given back. */
function keptBy(entries: readonly EntryRecord[], { taken, back }: Account): number {
  const steps = new Set(entries.map(({ step }) => step));
  return [...steps].filter((step) => {
    const ofStep = entries.filter((entry) => entry.step === step);
    return sumOf(ofStep, taken) > sumOf(ofStep, back);
  }).length;
}
