// SPDX-License-Identifier: GPL-3.0-or-later
import { counted, whole } from '../../numbers.ts';
import { hasExpired } from '../claim-states.ts';
import type { Evidence, Sale } from '../evidence.ts';
import type { StoredChange } from '../options.ts';
import { reachableUnits } from '../reachable-units.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R18. The run proves something: enough claims succeeded, claims received the refusals and were changed as the scenario
 * promises, and the injected faults affected a client. Otherwise the verdict is `unknown`.
 */
export function isNotVacuous(evidence: Evidence): RuleReport {
  const { history, sales, faults, options } = evidence;
  const findings = new RuleFindings(
    'R18',
    'enough happened to judge the run',
    'no claim succeeded',
  );
  const outcomes = new Set<string>();
  let isAnyAffected = false;
  for (let op = 0; op < history.count; op += 1) {
    if (history.operation(op) === 'claim') {
      if (history.type(op) === 'ok') findings.checked += 1;
      else outcomes.add(history.outcome(op) ?? '');
    }
    if (!isAnyAffected && isAffected(history, op, options.slowMs)) {
      const ms = history.endMs(op);
      isAnyAffected =
        faults?.some((one) => ms >= one.beginMs && ms <= one.endMs + options.faultFeltMs) ?? false;
    }
  }
  const { refusals } = options;
  const few = tooFewClaims(evidence, findings.checked);
  if (few !== undefined) findings.undecided(few);
  const missing = refusals?.filter((refusal) => !outcomes.has(refusal)) ?? [];
  if (missing.length > 0) findings.undecided(`no claim received ${missing.join(', ')}`);
  if (refusals === undefined && !outcomes.has('sold_out') && !outcomes.has('already_claimed')) {
    findings.undecided('no claim received sold_out or already_claimed');
  }
  const changes = storedChanges(sales);
  const unseen = options.changes.filter((change) => !changes.has(change));
  if (unseen.length > 0) findings.undecided(`no claim was ${unseen.join(', ')}`);
  if (faults?.length === 0) findings.undecided('the file of faults has none in this history');
  else if (faults !== undefined && !isAnyAffected) findings.undecided('no fault affected a client');
  return findings.end();
}

function storedChanges(sales: readonly Sale[]): Set<StoredChange> {
  const changes = new Set<StoredChange>();
  for (const one of sales.flatMap(({ held, ops }) => (ops.length === 0 ? [] : held))) {
    if (typeof one.claim.confirmed_at === 'string') changes.add('confirmed');
    if (one.redemption !== undefined) changes.add('redeemed');
    if (one.released !== undefined) changes.add(hasExpired(one) ? 'expired' : 'released');
  }
  return changes;
}

/** Describes how many claims are missing; undefined when enough succeeded, or as many as every run can reach. */
function tooFewClaims(evidence: Evidence, succeeded: number): string | undefined {
  const { okClaimsMin } = evidence.options;
  if (succeeded >= okClaimsMin) return undefined;
  const { units, claims, areAll } = reachableUnits(evidence);
  const isPart = !areAll && units < okClaimsMin;
  const [won, needed] = [isPart ? claims : succeeded, Math.min(units, okClaimsMin)];
  if (won >= needed) return undefined;
  const part = isPart ? ' of units that were on sale all the time' : '';
  return `${counted(won, 'claim')}${part} succeeded, needed: ${whole(needed)}`;
}

/** Whether a client was not served, got an unknown outcome, or waited long. */
function isAffected(history: RecordedHistory, op: number, slowMs: number): boolean {
  if (history.isOpen(op)) return false;
  if (history.endMs(op) - history.begunMs.at(op) >= slowMs) return true;
  if (history.type(op) === 'ok') return false;
  const http = history.http.at(op);
  const isUnanswered = history.type(op) === 'fail' && history.outcome(op) === 'refused';
  return history.type(op) === 'info' || http === 503 || http === 429 || isUnanswered;
}
