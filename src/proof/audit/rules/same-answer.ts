// SPDX-License-Identifier: GPL-3.0-or-later
import { mustSeeClaim } from '../assumptions.ts';
import { absent } from '../columns.ts';
import { mayHaveEndedBefore } from '../endings.ts';
import { type Evidence, eachUser, type StoredClaim } from '../evidence.ts';
import { isWin } from '../origin.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R7. Retries are safe. All answers to one user about one coupon show the same claim; it is won once; and after an
 * answer shows it, every later attempt gets it too: as a replay with the stored key, as `already_claimed` otherwise.
 * The only exceptions are answers that decide nothing, and no answer.
 *
 * Where claims end, this holds for each claim of the user until it may have ended, and no key makes a second claim.
 */
export function sameAnswer({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R7',
    'a retry always shows the same claim',
    'no answer showed a claim',
  );
  for (const sale of sales) {
    eachUser(history, sale, (user, ops) => {
      const claims = ops.filter((op) => history.operation(op) === 'claim');
      const held = sale.heldBy.get(user) ?? [];
      if (sale.claimsEnd) checkClaimsThatEnd(history, { claims, held }, findings);
      else checkUser(history, claims, held[0], findings);
    });
  }
  return findings.end();
}

/** Refusals that decide the claim. Other refusals decide nothing: the service could not or would not serve it. */
export const decidedRefusals = new Set([
  'sold_out',
  'not_open',
  'paused',
  'closed',
  'coupon_not_found',
  'claim_limit_reached',
]);

function checkUser(
  history: RecordedHistory,
  claims: Int32Array,
  held: StoredClaim | undefined,
  findings: RuleFindings,
): void {
  let first: number | undefined;
  let won: number | undefined;
  // The earliest completion that showed a claim. Attempts that began after it must get that claim.
  let shownBy: number | undefined;
  for (const op of claims) {
    if (!history.showsClaim(op)) continue;
    findings.checked += 1;
    const problem =
      first !== undefined && !isSameClaim(history, first, op)
        ? `shows another claim than ${history.describe(first)}`
        : isWin(history, op) && won !== undefined
          ? `wins, as ${history.describe(won)} did`
          : keyProblem(history, op, held);
    if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    first ??= op;
    if (isWin(history, op)) won ??= op;
    if (shownBy === undefined || history.endEvent(op) < history.endEvent(shownBy)) shownBy = op;
  }
  if (shownBy === undefined) return;
  const shown = history.endEvent(shownBy);
  for (const op of claims) {
    if (!mustSeeClaim(history, op, shown) || history.type(op) === 'info') continue;
    const isRefused = history.type(op) === 'fail' && decidedRefusals.has(history.outcome(op) ?? '');
    if (!isRefused && !isWin(history, op)) continue;
    findings.violation(() => {
      return `${history.describe(op)}: comes after ${history.describe(shownBy)} showed a claim`;
    });
  }
}

function isSameClaim(history: RecordedHistory, a: number, b: number): boolean {
  const isSame = (x: number, y: number) => x === y || x === absent || y === absent;
  const times = [history.claimedAt.at(a), history.claimedAt.at(b)] as const;
  return (
    history.claimId.at(a) === history.claimId.at(b) &&
    isSame(history.position.at(a), history.position.at(b)) &&
    (times[0] === times[1] || times.some((time) => Number.isNaN(time)))
  );
}

/** The stored key is that of the attempt that won. It decides whether a retry is a replay. */
function keyProblem(history: RecordedHistory, op: number, held: StoredClaim | undefined) {
  if (held === undefined) return undefined;
  const stored = held.claim.idempotency_key;
  const isSame = stored !== null && history.keyText(op) === stored;
  if (isWin(history, op)) {
    return history.keyText(op) === stored ? undefined : `is stored with the key ${stored}`;
  }
  const isReplay = history.type(op) === 'ok';
  if (isReplay && !isSame) return 'is a replay, but its key differs from the stored one';
  return !isReplay && isSame ? 'has the key of the claim, but is not a replay' : undefined;
}

function checkClaimsThatEnd(
  history: RecordedHistory,
  { claims, held }: { claims: Int32Array; held: readonly StoredClaim[] },
  findings: RuleFindings,
): void {
  const firstOf = new Map<number, number>();
  const wonBy = new Map<number, number>();
  for (const op of claims) {
    if (!history.showsClaim(op)) continue;
    findings.checked += 1;
    const claimId = history.claimId.at(op);
    const [first, won] = [firstOf.get(claimId), wonBy.get(claimId)];
    const id = history.claimIds.text(claimId);
    const problem =
      first !== undefined && !isSameClaim(history, first, op)
        ? `shows claim ${id} otherwise than ${history.describe(first)}`
        : isWin(history, op) && won !== undefined
          ? `wins, as ${history.describe(won)} did`
          : keyProblem(
              history,
              op,
              held.find(({ claim }) => claim.claim_id === id),
            );
    if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    if (first === undefined) firstOf.set(claimId, op);
    if (isWin(history, op) && won === undefined) wonBy.set(claimId, op);
  }
  for (const one of held) checkLaterAttempts(history, { claims, one }, findings);
  checkKeys(history, { claims, held }, findings);
}

/** After an answer showed the claim, every attempt gets it until it may have ended. */
function checkLaterAttempts(
  history: RecordedHistory,
  { claims, one }: { claims: Int32Array; one: StoredClaim },
  findings: RuleFindings,
): void {
  const id = history.claimIds.find(one.claim.claim_id);
  for (const op of claims) {
    if (!mustSeeClaim(history, op, one.shown) || history.type(op) === 'info') continue;
    const isOther = history.showsClaim(op) && history.claimId.at(op) !== id;
    const isRefused = history.type(op) === 'fail' && decidedRefusals.has(history.outcome(op) ?? '');
    if (!isOther && !isRefused) continue;
    if (mayHaveEndedBefore(one, history.endEvent(op))) continue;
    findings.violation(() => `${history.describe(op)}: the user held claim ${one.claim.claim_id}`);
  }
}

/** A late retry never claims anew: its key belongs to one claim, also after that has ended. */
function checkKeys(
  history: RecordedHistory,
  { claims, held }: { claims: Int32Array; held: readonly StoredClaim[] },
  findings: RuleFindings,
): void {
  const seen = new Set<string>();
  for (const { claim } of held) {
    const key = claim.idempotency_key;
    if (key === null) continue;
    if (seen.has(key)) {
      const op = claims.find((one) => history.keyText(one) === key);
      findings.violation(() => {
        const who = op === undefined ? claim.user_id : history.describe(op);
        return `${who}: the key ${key} made more than one claim`;
      });
    }
    seen.add(key);
  }
}
