// SPDX-License-Identifier: GPL-3.0-or-later
import { type Evidence, eachUser, type Sale, type StoredClaim } from '../evidence.ts';
import { grantsOf } from '../granted.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';
import { hasWindowAsAsked } from './window.ts';

/**
 * R5. A refused attempt never owns a claim:
 * - a stored claim that only refused attempts can have made belongs to one of them;
 * - a user who gets `sold_out` holds nothing at that moment, so wins nothing without added stock; nor after `closed`. If
 *   an earlier attempt with an unknown outcome is stored all the same, it was decided after the refusal.
 */
export function refusalsHold({ history, sales, options }: Evidence): RuleReport {
  const findings = new RuleFindings('R5', 'a refused attempt never owns a claim');
  for (const sale of sales) {
    if (sale.isForeign) continue;
    const canStockCome = stockMayCome(history, sale, options.soldOutDelayMs);
    const closesForGood = hasWindowAsAsked(history, sale);
    eachUser(history, sale, (user, ops) => {
      const held = sale.heldBy.get(user)?.[0];
      for (const op of ops) {
        if (!isRefusal(history, op)) continue;
        findings.checked += 1;
        if (held === undefined) continue;
        const outcome = history.outcome(op);
        const problem = hasNoCandidate(held)
          ? 'was refused, yet a claim is stored that only a refused attempt can have made'
          : outcome === 'sold_out' && !canStockCome(op)
            ? `is a final refusal, yet ${held.claim.claim_id} is stored`
            : outcome === 'closed' && closesForGood
              ? `is a final refusal, yet ${held.claim.claim_id} is stored`
              : undefined;
        // R7 reports a refusal after an answer showed the claim.
        if (problem !== undefined && history.begunEvent.at(op) < held.shown) {
          findings.violation(() => `${history.describe(op)}: ${problem}`);
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

/** Returns whether stock may have been added after the state that a refusal saw. */
function stockMayCome(history: RecordedHistory, sale: Sale, delayMs: number) {
  const { added } = grantsOf(history, sale);
  return (op: number) =>
    added.some(({ done, doneMs }) => {
      return done >= history.begunEvent.at(op) || doneMs > history.begunMs.at(op) - delayMs;
    });
}
