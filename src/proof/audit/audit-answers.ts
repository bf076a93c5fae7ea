// SPDX-License-Identifier: GPL-3.0-or-later
import type { Dump } from '../dump.ts';
import type { HistoryHead } from '../history.ts';
import { counted } from '../numbers.ts';
import type { SeenAnswers } from '../seen-answers.ts';
import type { AuditReport } from './audit.ts';
import { assertDump } from './dump-file.ts';
import { combineEvidence, type Evidence, type Sale } from './evidence.ts';
import { defaultOptions } from './options.ts';
import { RecordedHistory } from './recorded-history.ts';
import { noOversell } from './rules/no-oversell.ts';
import { onePerUser } from './rules/one-per-user.ts';
import { recordsAgree } from './rules/reconcile.ts';
import { microseconds } from './times.ts';
import { overallVerdict, RuleFindings, type RuleReport } from './verdict.ts';

/** What a drill without a history hands to the audit. */
export type AnswersInput = { head: HistoryHead; operations: number; seen: SeenAnswers; dump: Dump };

/**
 * Judges a drill that has no history. R1, R2 and R8 judge the tables alone, as after any drill. R3 and R4 compare the
 * acknowledged claims with the stored ones, one by one. The other answers are only counted, so the rules about their
 * order and time are left out.
 */
export function auditAnswers({ head, operations, seen, dump }: AnswersInput): AuditReport {
  assertDump(dump);
  const history = new RecordedHistory(head);
  const options = defaultOptions;
  const evidence: Evidence = combineEvidence({ history, dump, faults: undefined, options });
  const sale = evidence.sales.find(({ name }) => name === seen.coupon);
  const rules = [
    noOversell(evidence),
    onePerUser(evidence),
    acknowledgedAreStored(seen, sale),
    storedAreAcknowledged(seen, sale),
    oneAnswerPerUser(seen),
    recordsAgree(evidence),
    readsAgree(seen, sale),
    everyUserIsDecided(seen, sale),
  ];
  return {
    verdict: overallVerdict(rules),
    ...{ head, operations, storedClaims: dump.claims.length, rules },
    notes: ['this drill has no history: its audit compares claims and counts, and no times'],
  };
}

function acknowledgedAreStored({ claims }: SeenAnswers, sale: Sale | undefined): RuleReport {
  const findings = new RuleFindings(
    'R3',
    'what was acknowledged is stored as it was shown',
    'no answer showed a claim',
  );
  const stored = new Map(sale?.held.map(({ claim }) => [claim.user_id, claim]));
  for (const [user, { claimId, position, claimedAt, key = null }] of claims) {
    findings.checked += 1;
    const claim = stored.get(user);
    if (claim?.claim_id !== claimId) {
      findings.violation(() => `${user} was shown claim ${claimId}, which is not stored`);
    } else if (claim.position !== position) {
      findings.violation(() => `${user} was shown position ${position}, not ${claim.position}`);
    } else if (
      claimedAt === undefined ||
      microseconds(claimedAt) !== microseconds(claim.claimed_at)
    ) {
      findings.violation(() => `${user} was shown the time ${claimedAt}, not ${claim.claimed_at}`);
    } else if (claim.idempotency_key !== key) {
      findings.violation(
        () => `${user} claimed under the key ${key}, not ${claim.idempotency_key}`,
      );
    }
  }
  return findings.end();
}

function storedAreAcknowledged(seen: SeenAnswers, sale: Sale | undefined): RuleReport {
  const findings = new RuleFindings(
    'R4',
    'every stored claim was acknowledged, or is undecided',
    'no claim is stored',
  );
  for (const { claim } of sale?.held ?? []) {
    findings.checked += 1;
    const { user_id: user, position } = claim;
    if (seen.claims.has(user) || seen.undecided.has(user)) continue;
    findings.violation(() => `${user} holds position ${position}, but no answer showed a claim`);
  }
  return findings.end();
}

function oneAnswerPerUser({ claims, contradictions }: SeenAnswers): RuleReport {
  const findings = new RuleFindings(
    'R7',
    'all answers to a user show one claim',
    'no answer showed a claim',
  );
  findings.checked = claims.size;
  for (const contradiction of contradictions) findings.violation(() => contradiction);
  return findings.end();
}

function readsAgree({ reads }: SeenAnswers, sale: Sale | undefined): RuleReport {
  const findings = new RuleFindings(
    'R9',
    'after the load every node shows the stored stock',
    'no node was read after the load',
  );
  const { amount, remaining_amount: remaining } = sale?.coupon ?? {};
  for (const read of reads) {
    if (read.amount === undefined) {
      findings.undecided(`${read.url} did not answer the last read`);
      continue;
    }
    findings.checked += 1;
    if (read.amount === amount && read.remainingAmount === remaining) continue;
    findings.violation(
      () =>
        `${read.url} shows ${read.remainingAmount} of ${read.amount} left, ` +
        `stored are ${remaining} of ${amount}`,
    );
  }
  return findings.end();
}

/** A refusal is only right when the coupon is sold out in the end: its stock never grows. */
function everyUserIsDecided(seen: SeenAnswers, sale: Sale | undefined): RuleReport {
  const findings = new RuleFindings(
    'R18',
    'every user got a decision, and enough happened',
    'no user got a decision',
  );
  findings.checked = seen.claims.size + seen.refusals;
  const stored = sale?.held.length ?? 0;
  if (seen.refusals > 0 && stored < seen.units) {
    findings.violation(
      () =>
        `${counted(seen.refusals, 'claim')} refused, ${counted(seen.units - stored, 'unit')} left`,
    );
  }
  if (seen.undecided.size > 0) {
    findings.undecided(`${counted(seen.undecided.size, 'user')} got no decision`);
  }
  if (seen.refusals === 0) findings.undecided('no claim was refused');
  return findings.end();
}
