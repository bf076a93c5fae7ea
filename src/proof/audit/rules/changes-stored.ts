// SPDX-License-Identifier: GPL-3.0-or-later
import { areReserved } from '../claim-states.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { needsOperator } from '../saga-claims.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R21. A confirm, release or redeem that was acknowledged is stored: for the claim of the answer, which is one of this
 * user, and with the time that the answer shows. A confirmed claim never expires after that. A claim whose undo an operator
 * has asked for is released in the end, unless its saga needs attention.
 */
export function changesAreStored({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R21',
    'an acknowledged confirm, release or redeem is stored',
    'no change of a claim was acknowledged',
  );
  for (const sale of sales) {
    for (const op of sale.ops) {
      if (!history.isChange(op) || history.type(op) !== 'ok') continue;
      findings.checked += 1;
      const problem = problemOf(history, sale, op);
      if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    }
  }
  return findings.end();
}

function problemOf(history: RecordedHistory, sale: Sale, op: number): string | undefined {
  const id = history.claimIds.text(history.claimId.at(op));
  const ofUser = sale.heldBy.get(history.user.at(op)) ?? [];
  const held = ofUser.find(({ claim }) => claim.claim_id === id);
  if (held === undefined) return `showed claim ${id}, which this user never held`;
  if (history.asksForUndo(op) && needsOperator(held)) return undefined;
  const { shown, stored } = timesOf(history, { sale, op, held });
  if (stored === undefined) return undefined;
  if (stored === null) return `is acknowledged, but claim ${id} is not stored so`;
  return !Number.isNaN(shown) && shown !== microseconds(stored)
    ? `showed a time that differs from the stored ${stored}`
    : undefined;
}

/** The time of the change by the answer and by the tables; null where it is not stored, undefined where it never is. */
function timesOf(
  history: RecordedHistory,
  { sale, op, held }: { sale: Sale; op: number; held: StoredClaim },
): { shown: number; stored: string | null | undefined } {
  const operation = history.operation(op);
  if (operation === 'release') {
    return { shown: history.releasedAt.at(op), stored: held.released?.released_at ?? null };
  }
  if (operation === 'redeem') {
    return { shown: history.redeemedAt.at(op), stored: held.redemption?.redeemed_at ?? null };
  }
  // A claim of a coupon without holds is confirmed from the start, so a confirm stores nothing.
  const stored = held.claim.confirmed_at ?? (areReserved(sale) ? null : undefined);
  return { shown: history.confirmedAt.at(op), stored };
}
