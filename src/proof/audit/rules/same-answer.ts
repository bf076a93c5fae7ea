// SPDX-License-Identifier: GPL-3.0-or-later
import { mustSeeClaim } from '../assumptions.ts';
import { absent } from '../columns.ts';
import { type Evidence, eachUser, type StoredClaim } from '../evidence.ts';
import { isWin } from '../origin.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R7. Retries are safe. All answers to one user about one coupon show the same claim; it is won once; and after an
 * answer shows it, every later attempt gets it too: as a replay with the stored key, as `already_claimed` otherwise.
 * The only exceptions are answers that decide nothing, and no answer.
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
      checkUser(history, claims, sale.heldBy.get(user)?.[0], findings);
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
