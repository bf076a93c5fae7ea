// SPDX-License-Identifier: GPL-3.0-or-later
import { counted } from '../../numbers.ts';
import { storedStateOf } from '../claim-states.ts';
import { absent, never } from '../columns.ts';
import type { Evidence, Sale } from '../evidence.ts';
import { type Grant, grantsOf } from '../granted.ts';
import { listsOf } from '../listed-claims.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { steps } from '../shown-states.ts';
import { microseconds } from '../times.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R3. What an answer showed is stored: each claim under its id, for its user, with its position and time; each listed claim
 * in its state or a later one; each created coupon; all added stock.
 */
export function acknowledgedIsStored({ history, sales }: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R3',
    'what was acknowledged is stored as it was shown',
    'no answer showed a claim',
  );
  for (const sale of sales) {
    for (const op of sale.ops) {
      if (!history.showsClaim(op)) continue;
      findings.checked += 1;
      const problem = problemOf(history, sale, op);
      if (problem !== undefined) {
        findings.violation(() => `${history.describe(op)}: ${problem}`);
      }
    }
    checkLists(history, sale, findings);
    checkGrants(history, sale, findings);
  }
  return findings.end();
}

function problemOf(history: RecordedHistory, sale: Sale, op: number): string | undefined {
  const id = history.claimIds.text(history.claimId.at(op));
  if (id === undefined) return 'shows no claim';
  const position = history.position.at(op);
  const claimedAt = history.claimedAt.at(op);
  const isWhole = position !== absent && !Number.isNaN(claimedAt);
  if (!isWhole && history.operation(op) === 'claim' && history.type(op) === 'ok') {
    return 'shows a claim without position or time';
  }
  const held = sale.heldBy.get(history.user.at(op))?.find(({ claim }) => claim.claim_id === id);
  if (held === undefined) return `showed claim ${id}, which this user does not hold`;
  if (position !== absent && position !== held.claim.position) {
    return `showed position ${position}, stored is ${held.claim.position}`;
  }
  if (!Number.isNaN(claimedAt) && claimedAt !== microseconds(held.claim.claimed_at)) {
    return `showed a time that differs from the stored ${held.claim.claimed_at}`;
  }
  return undefined;
}

function checkLists(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  const lists = listsOf(history, sale);
  if (lists.length === 0) return;
  const stored = new Map(sale.held.map((one) => [one.claim.claim_id, storedStateOf(one)]));
  for (const { op, states } of lists) {
    for (const [claimId, listed] of states) {
      const id = history.claimIds.text(claimId) ?? '';
      const state = stored.get(id);
      const isPossible = state === listed || (state !== undefined && steps[state] > steps[listed]);
      if (isPossible) continue;
      findings.violation(() => {
        return `${history.describe(op)}: lists claim ${id} as ${listed}, stored is ${state ?? 'none'}`;
      });
    }
  }
}

function checkGrants(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  const { created, added } = grantsOf(history, sale);
  const isDone = (grant: Grant) => grant.done !== never;
  const { name, coupon, ledger } = sale;
  if (coupon === undefined) {
    if (created !== undefined && isDone(created)) {
      findings.violation(() => `coupon ${name} was created, but is not stored`);
    }
    return;
  }
  if (created === undefined || sale.isForeign) return;
  const granted = ledger.find(({ kind }) => kind === 'grant')?.units ?? 0;
  if (granted < created.unitsMin || granted > created.unitsMax) {
    findings.violation(
      () => `${name}: created with ${counted(created.unitsMin, 'unit')}, stored with ${granted}`,
    );
  }
  const stored = sum(ledger.filter(({ kind }) => kind === 'stock_added').map((row) => row.units));
  const certain = sum(added.filter(isDone).map((grant) => grant.unitsMin));
  const possible = sum(added.map((grant) => grant.unitsMax));
  if (stored < certain) {
    findings.violation(
      () => `${name}: ${counted(certain, 'unit')} certainly added, stored: ${stored}`,
    );
  }
  if (stored > possible) {
    findings.violation(() => `${name}: ${counted(stored, 'unit')} added, requested: ${possible}`);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
