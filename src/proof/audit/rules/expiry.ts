// SPDX-License-Identifier: GPL-3.0-or-later
import { hasExpired, haveSagas, holdEnd } from '../claim-states.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R20. A hold lasts exactly as long as its coupon says, by the clock of the database. Before its end no decision takes its
 * unit; from its end on it is neither confirmed nor released as if it were in time. Answers show the same end. With R1,
 * which finds more live claims than units, no unit is sold over a live hold. A claim with a saga has no end by time.
 */
export function holdsLast({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R20',
    "holds end at their time, by the database's clock",
    'no claim began as a hold, or was released',
  );
  for (const sale of sales) {
    checkCreation(history, sale, findings);
    if (!sale.claimsEnd) continue;
    const endOf = new Map<number, number>();
    for (const one of sale.held) {
      findings.checked += 1;
      const end = holdEnd(sale, one);
      const id = history.claimIds.find(one.claim.claim_id);
      if (end !== undefined) endOf.set(id, end);
      const problem = end === undefined ? withoutHold(sale, one) : problemOf(one, end);
      if (problem === undefined) continue;
      findings.violation(() => `${sale.name}: position ${one.claim.position} ${problem}`);
    }
    checkAnswers(history, { sale, endOf }, findings);
  }
  return findings.end();
}

/** The coupon holds its claims as long as its creation says. */
function checkCreation(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  const stored = sale.coupon?.hold_seconds ?? undefined;
  for (const op of sale.ops) {
    if (history.operation(op) !== 'create' || history.type(op) !== 'ok') continue;
    const asked = history.holdSeconds.at(op);
    if (Number.isNaN(asked) ? stored === undefined : stored === asked) continue;
    findings.violation(() => `${history.describe(op)}: stores holds of ${stored ?? 0} s`);
  }
}

function problemOf({ claim, released, ...one }: StoredClaim, end: number): string | undefined {
  const { expires_at: expiresAt, confirmed_at: confirmedAt } = claim;
  if (typeof expiresAt === 'string' && microseconds(expiresAt) !== end) {
    return `is held from ${claim.claimed_at} to ${expiresAt}, not for the time of its coupon`;
  }
  if (typeof confirmedAt === 'string' && microseconds(confirmedAt) >= end) {
    return `was confirmed at ${confirmedAt}, after its hold had expired`;
  }
  if (released === undefined) return undefined;
  const at = microseconds(released.released_at);
  if (hasExpired({ claim, released, ...one })) {
    if (typeof confirmedAt === 'string') return 'was confirmed, and expired all the same';
    return at < end ? `expired at ${released.released_at}, while its hold lasted` : undefined;
  }
  if (typeof confirmedAt === 'string' || at < end) return undefined;
  return `was released at ${released.released_at} as if in time, after its hold had expired`;
}

function withoutHold(sale: Sale, one: StoredClaim): string | undefined {
  if (haveSagas(sale)) {
    if (hasExpired(one)) return 'expired, but its saga ends it';
    const { expires_at: expiresAt } = one.claim;
    const isEndless = typeof expiresAt !== 'string' || expiresAt === 'infinity';
    return isEndless ? undefined : `expires at ${expiresAt}, but its saga ends it`;
  }
  if (typeof one.claim.expires_at === 'string') return 'is a hold, but its coupon has no holds';
  return hasExpired(one) ? 'expired, but its coupon has no holds' : undefined;
}

function checkAnswers(
  history: RecordedHistory,
  { sale, endOf }: { sale: Sale; endOf: ReadonlyMap<number, number> },
  findings: RuleFindings,
): void {
  for (const op of sale.ops) {
    const shown = history.expiresAt.at(op);
    const end = endOf.get(history.claimId.at(op));
    if (!Number.isNaN(shown) && haveSagas(sale)) {
      findings.violation(() => `${history.describe(op)}: shows an end, but a saga ends the claim`);
    }
    if (Number.isNaN(shown) || end === undefined || shown === end) continue;
    findings.violation(() => `${history.describe(op)}: shows another end than its hold has`);
  }
}
