// SPDX-License-Identifier: GPL-3.0-or-later
import { mustSeeClaim } from '../assumptions.ts';
import { absent, never } from '../columns.ts';
import { mayHaveEndedBefore } from '../endings.ts';
import { type Evidence, eachUser, type Sale, type StoredClaim } from '../evidence.ts';
import { type ClaimList, listsOf } from '../listed-claims.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { checkStatesGoForward, steps } from '../shown-states.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R11. A claim that an answer showed to its user stays visible on every node: each later look-up shows it (R7 judges
 * later attempts). And once a coupon is created, no operation returns that it does not exist. Where claims end, a claim
 * stays visible until it may have ended, lists of all states have it ever after, and the states that answers show never go
 * back.
 */
export function sessionsSeeTheirClaims({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R11',
    'a claim once shown stays visible, on every node',
    'no claim was looked up after an answer showed it',
  );
  for (const sale of sales) {
    checkExistence(history, sale, findings);
    for (const list of listsOf(history, sale)) checkList(history, { sale, list }, findings);
    eachUser(history, sale, (user, ops) => {
      checkStatesGoForward(history, ops, findings);
      if (!sale.claimsEnd) return checkLookUps(history, ops, findings);
      for (const one of sale.heldBy.get(user) ?? []) checkSeen(history, { ops, one }, findings);
    });
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

/** Each look-up that began after the claim was shown finds it, unless it may have ended. */
function checkSeen(
  history: RecordedHistory,
  { ops, one }: { ops: Int32Array; one: StoredClaim },
  findings: RuleFindings,
): void {
  const id = history.claimIds.find(one.claim.claim_id);
  for (const op of ops) {
    if (history.operation(op) !== 'find_claim' || history.type(op) === 'info') continue;
    if (!mustSeeClaim(history, op, one.shown)) continue;
    const isServed = history.type(op) === 'ok' || notFound.has(history.outcome(op) ?? '');
    if (!isServed) continue;
    findings.checked += 1;
    if (history.type(op) === 'ok' && history.claimId.at(op) === id) continue;
    if (mayHaveEndedBefore(one, history.endEvent(op))) continue;
    findings.violation(() => `${history.describe(op)}: the user held claim ${one.claim.claim_id}`);
  }
}

/** A list has every claim that was shown before, in no earlier state. */
function checkList(
  history: RecordedHistory,
  { sale, list }: { sale: Sale; list: ClaimList },
  findings: RuleFindings,
): void {
  const begun = history.begunEvent.at(list.op);
  const describe = () => history.describe(list.op);
  for (const { claim, shown } of sale.held) {
    if (shown >= begun) continue;
    findings.checked += 1;
    if (list.states.has(history.claimIds.find(claim.claim_id))) continue;
    findings.violation(
      () => `${describe()}: misses claim ${claim.claim_id}, which was shown before`,
    );
  }
  for (const op of sale.ops) {
    const [before, now] = [history.state(op), list.states.get(history.claimId.at(op))];
    if (before === undefined || now === undefined || history.endEvent(op) >= begun) continue;
    if (steps[now] >= steps[before]) continue;
    findings.violation(
      () => `${describe()}: lists as ${now} what ${history.describe(op)} showed as ${before}`,
    );
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
