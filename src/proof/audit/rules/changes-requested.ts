// SPDX-License-Identifier: GPL-3.0-or-later
import { hasExpired } from '../claim-states.ts';
import { absent } from '../columns.ts';
import { mayHaveChanged } from '../endings.ts';
import { type Evidence, eachUser, type Sale, type StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R22. Each stored confirm, release and redemption was requested for this claim: by a request of its user that names it, or
 * names none, and that was not refused; a redemption also under its key. And an answer shows the claim that the request
 * names. So no request ends another claim than its own. Only the service lets holds expire.
 */
export function changesWereRequested({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R22',
    'every claim was changed by a request for this claim',
    'no claim of a coupon that only this drill used was changed',
  );
  for (const sale of sales) {
    checkAnswers(history, sale, findings);
    if (sale.isForeign) continue;
    const opsOf = new Map<number, Int32Array>();
    eachUser(history, sale, (user, ops) => opsOf.set(user, ops));
    for (const one of sale.held) {
      const ops = opsOf.get(one.user) ?? new Int32Array(0);
      for (const change of storedChanges(one)) {
        findings.checked += 1;
        if (ops.some((op) => isRequestFor(history, op, { one, change }))) continue;
        findings.violation(() => {
          const what = `${sale.name}: claim ${one.claim.claim_id} of ${one.claim.user_id}`;
          return `${what}: no request can have changed it by ${change}`;
        });
      }
    }
  }
  return findings.end();
}

type Change = 'confirm' | 'release' | 'redeem';

/** The requests that the stored claim must have had. */
function storedChanges(one: StoredClaim): Change[] {
  const changes: Change[] = [];
  if (typeof one.claim.confirmed_at === 'string') changes.push('confirm');
  if (one.redemption !== undefined) changes.push('redeem');
  if (one.released !== undefined && !hasExpired(one)) changes.push('release');
  return changes;
}

function isRequestFor(
  history: RecordedHistory,
  op: number,
  { one, change }: { one: StoredClaim; change: Change },
): boolean {
  const claimId = history.claimIds.find(one.claim.claim_id);
  if (!mayHaveChanged(history, op, { change, claimId })) return false;
  return change !== 'redeem' || history.keyText(op) === (one.redemption?.idempotency_key ?? null);
}

function checkAnswers(history: RecordedHistory, { ops }: Sale, findings: RuleFindings): void {
  for (const op of ops) {
    if (!history.isChange(op) || history.type(op) !== 'ok') continue;
    const named = history.namedClaimId.at(op);
    if (named === absent || named === history.claimId.at(op)) continue;
    findings.violation(() => {
      const [asked, shown] = [named, history.claimId.at(op)].map((id) => history.claimIds.text(id));
      return `${history.describe(op)}: names claim ${asked}, and shows ${shown}`;
    });
  }
}
