// SPDX-License-Identifier: GPL-3.0-or-later
import { absent } from '../columns.ts';
import { type Evidence, eachUser, type Sale } from '../evidence.ts';
import { isWin } from '../origin.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R6. An unknown outcome was applied or not. The claim id of an `outcome_unknown` belongs to that attempt alone: if it
 * is stored, it is this user's claim of this coupon; no other user gets it, and no other attempt wins under it. R3 and
 * R7 judge whether later answers fit what is stored.
 */
export function unknownsResolve({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R6',
    'each unknown outcome was either applied or not',
    'no claim has an unknown outcome',
  );
  const storedFor = new Map<string, string>();
  for (const { name, held } of sales) {
    for (const { claim } of held) storedFor.set(claim.claim_id, `${name} by ${claim.user_id}`);
  }
  const namedBy = new Map<number, number>();
  for (const sale of sales) {
    for (const op of sale.ops) {
      if (history.operation(op) !== 'claim' || history.type(op) !== 'info') continue;
      findings.checked += 1;
      const problem = problemOf(history, { op, sale, storedFor, namedBy });
      if (problem !== undefined) findings.violation(() => `${history.describe(op)}: ${problem}`);
    }
    eachUser(history, sale, (_user, ops) => checkLater(history, ops, findings));
  }
  return findings.end();
}

function problemOf(
  history: RecordedHistory,
  parts: {
    op: number;
    sale: Sale;
    storedFor: Map<string, string>;
    namedBy: Map<number, number>;
  },
): string | undefined {
  const { op, sale, storedFor, namedBy } = parts;
  const claimId = history.claimId.at(op);
  if (claimId === absent) {
    return history.outcome(op) === 'outcome_unknown' ? 'names no claim' : undefined;
  }
  const other = namedBy.get(claimId);
  namedBy.set(claimId, op);
  const id = history.claimIds.text(claimId) as string;
  if (other !== undefined) return `names claim ${id}, as ${history.describe(other)} did`;
  const holder = storedFor.get(id);
  const self = `${sale.name} by ${history.users.text(history.user.at(op))}`;
  return holder === undefined || holder === self
    ? undefined
    : `named claim ${id}, which is stored as ${holder}`;
}

function checkLater(history: RecordedHistory, ops: Int32Array, findings: RuleFindings): void {
  const unknowns = ops.filter((op) => {
    return history.operation(op) === 'claim' && history.type(op) === 'info';
  });
  if (unknowns.length === 0) return;
  for (const op of ops) {
    const claimId = history.claimId.at(op);
    if (claimId === absent || !isWin(history, op)) continue;
    const named = unknowns.find((unknown) => history.claimId.at(unknown) === claimId);
    if (named === undefined) continue;
    findings.violation(() => {
      const win = `${history.describe(op)}: wins as new under the claim id`;
      return `${win} that was named by ${history.describe(named)}`;
    });
  }
}
