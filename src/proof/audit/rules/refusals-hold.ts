// SPDX-License-Identifier: GPL-3.0-or-later
import { isFinalRefusal, mustSeeClaim } from '../assumptions.ts';
import { mayHaveEndedBefore } from '../endings.ts';
import { type Evidence, eachUser, type StoredClaim } from '../evidence.ts';
import { stockMayComeAfter } from '../granted.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';
import { hasWindowAsRequested } from './window.ts';

/**
 * R5. A refused attempt never owns a claim:
 * - a stored claim that only refused attempts can have made belongs to one of them;
 * - a user who gets `sold_out` holds nothing at that moment, so wins nothing unless stock is added or units come back; nor
 *   after `closed`. If an earlier attempt with an unknown outcome is stored all the same, it was decided after the refusal.
 */
export function refusalsHold({ history, sales, options }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R5',
    'a refused attempt never owns a claim',
    'no claim was refused',
  );
  for (const sale of sales) {
    if (sale.isForeign) continue;
    const isStockAdded = stockMayComeAfter(history, sale, options.soldOutDelayMs);
    const canStockCome = (op: number) => sale.claimsEnd || isStockAdded(op);
    const closesForGood = hasWindowAsRequested(history, sale);
    eachUser(history, sale, (user, ops) => {
      const claims = sale.claimsEnd
        ? (sale.heldBy.get(user) ?? [])
        : (sale.heldBy.get(user) ?? []).slice(0, 1);
      for (const op of ops) {
        if (!isRefusal(history, op)) continue;
        findings.checked += 1;
        const later = { canStockCome: canStockCome(op), closesForGood };
        for (const held of claims) {
          const problem = hasNoCandidate(held)
            ? 'was refused, yet a claim is stored that only a refused attempt can have made'
            : isFinalRefusal(history.outcome(op), later)
              ? `is a final refusal, yet ${held.claim.claim_id} is stored`
              : undefined;
          // R7 reports a refusal after an answer showed the claim. A claim that had ended allows it.
          const isExplained =
            mustSeeClaim(history, op, held.shown) || mayHaveEndedBefore(held, history.endEvent(op));
          if (problem !== undefined && !isExplained) {
            findings.violation(() => `${history.describe(op)}: ${problem}`);
          }
        }
      }
    });
  }
  return findings.end();
}

function isRefusal(history: RecordedHistory, op: number): boolean {
  return (
    history.operation(op) === 'claim' &&
    history.type(op) === 'fail' &&
    history.outcome(op) !== 'already_claimed'
  );
}

function hasNoCandidate(held: StoredClaim): boolean {
  return held.candidates === 0;
}
