// SPDX-License-Identifier: GPL-3.0-or-later
import { hasExpired, haveSagas } from '../claim-states.ts';
import { absent } from '../columns.ts';
import { type DatabaseTimes, databaseTimesOf } from '../database-times.ts';
import { mayHaveChanged } from '../endings.ts';
import { type Evidence, eachUser, type Sale, type StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R22. Each stored confirm, release and redemption was requested for this claim: by a request of its user that names it, or
 * names none, that was not refused, and that began no later than the change; a redemption also under its key. And an answer
 * shows the claim that the request names. So no request ends another claim than its own, and none that was refused has an
 * effect, also where a repeat succeeds. Only the service lets holds expire, and a saga confirms and releases its own claim.
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
    const times = databaseTimesOf(history, sale);
    eachUser(history, sale, (user, ops) => opsOf.set(user, ops));
    for (const one of sale.held) {
      const ops = opsOf.get(one.user) ?? new Int32Array(0);
      for (const [change, at] of storedChanges(one, haveSagas(sale))) {
        findings.checked += 1;
        if (ops.some((op) => isRequestFor(history, op, { one, change, at, times }))) continue;
        findings.violation(() => {
          const what = `${sale.name}: claim ${one.claim.claim_id} of ${one.claim.user_id}`;
          return `${what}: no request can have changed it by ${change} at ${at}`;
        });
      }
    }
  }
  return findings.end();
}

type Change = 'confirm' | 'release' | 'redeem';

/** The requests that the stored claim must have had, and when they took effect. */
function storedChanges(one: StoredClaim, hasSaga: boolean): [change: Change, at: string][] {
  const changes: [Change, string][] = [];
  const { claim, redemption, released } = one;
  if (typeof claim.confirmed_at === 'string' && !hasSaga)
    changes.push(['confirm', claim.confirmed_at]);
  if (redemption !== undefined) changes.push(['redeem', redemption.redeemed_at]);
  const endedAlone = hasExpired(one) || (hasSaga && released?.reason === 'saga');
  if (released !== undefined && !endedAlone) changes.push(['release', released.released_at]);
  return changes;
}

function isRequestFor(
  history: RecordedHistory,
  op: number,
  parts: { one: StoredClaim; change: Change; at: string; times: DatabaseTimes },
): boolean {
  const { one, change, at, times } = parts;
  const claimId = history.claimIds.find(one.claim.claim_id);
  if (!mayHaveChanged(history, op, { change, claimId })) return false;
  if (times.atLeast(op) > microseconds(at)) return false;
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
