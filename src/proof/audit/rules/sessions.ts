// SPDX-License-Identifier: GPL-3.0-or-later
import { mustSeeClaim } from '../assumptions.ts';
import { absent, never } from '../columns.ts';
import { type Evidence, eachUser, type Sale } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R11. A claim that an answer showed to its user stays visible on every node: each later look-up shows it (R7 judges
 * later attempts). And once a coupon is created, no operation returns that it does not exist.
 */
export function sessionsSeeTheirClaims({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R11',
    'a claim once shown stays visible, on every node',
    'no claim was looked up after an answer showed it',
  );
  for (const sale of sales) {
    checkExistence(history, sale, findings);
    eachUser(history, sale, (_user, ops) => checkLookUps(history, ops, findings));
  }
  return findings.end();
}

function checkLookUps(history: RecordedHistory, ops: Int32Array, findings: RuleFindings): void {
  if (!ops.some((op) => history.operation(op) === 'find_claim')) return;
  const showing = ops.filter((op) => history.showsClaim(op));
  const shownFirst = showing.sort((a, b) => history.endEvent(a) - history.endEvent(b))[0];
  if (shownFirst === undefined) return;
  for (const op of ops) {
    if (history.operation(op) !== 'find_claim' || history.type(op) === 'info') continue;
    if (!mustSeeClaim(history, op, history.endEvent(shownFirst))) continue;
    const outcome = history.outcome(op) ?? '';
    const isNotServed = history.type(op) === 'fail' && !notFound.has(outcome);
    if (isNotServed) continue;
    findings.checked += 1;
    const claimId = history.claimId.at(op);
    if (claimId !== absent && claimId === history.claimId.at(shownFirst)) continue;
    findings.violation(() => {
      return `${history.describe(op)}: does not show the claim of ${history.describe(shownFirst)}`;
    });
  }
}

const notFound = new Set(['claim_not_found', 'coupon_not_found']);

function checkExistence(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  let created = never;
  for (const op of sale.ops) {
    const isCreated = history.operation(op) === 'create' && history.type(op) === 'ok';
    if (isCreated) created = Math.min(created, history.endEvent(op));
    if (history.outcome(op) !== 'coupon_not_found' || history.begunEvent.at(op) < created) continue;
    findings.violation(() => `${history.describe(op)}: the coupon had been created`);
  }
}
