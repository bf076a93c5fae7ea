// SPDX-License-Identifier: GPL-3.0-or-later
import type { EntryRecord } from '../../history.ts';
import type { Evidence } from '../evidence.ts';
import { checkReadings, eachSagaClaim, entriesOf, needsOperator, sumOf } from '../saga-claims.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R26. Nothing is left of a released claim's saga: no money that is captured or authorized, and no points. An authorization
 * that was captured is used up. Claims that an operator has resolved are left out.
 */
export function releasedIsUndone(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R26',
    'nothing is left of the saga of a released claim',
    'no claim with a saga was released, or no book was read',
  );
  const { outside } = evidence;
  if (outside.books.length === 0) return findings.end();
  checkReadings(evidence, findings);
  eachSagaClaim(evidence, (one, { name }) => {
    if (one.released === undefined || needsOperator(one)) return;
    findings.checked += 1;
    for (const left of leftBy(entriesOf(outside, one))) {
      const { claim_id: id, user_id: user } = one.claim;
      findings.violation(() => `${name}: claim ${id} of ${user} is released, and ${left}`);
    }
  });
  return findings.end();
}

function leftBy(entries: readonly EntryRecord[]): string[] {
  const captured = sumOf(entries, 'capture');
  const money = captured - sumOf(entries, 'refund');
  const authorized = sumOf(entries, 'authorize') - sumOf(entries, 'void') - captured;
  const points = sumOf(entries, 'grant') - sumOf(entries, 'revoke');
  return [
    ...(money > 0 ? [`${money} are captured`] : []),
    ...(authorized > 0 ? [`${authorized} are authorized`] : []),
    ...(points > 0 ? [`${points} points are granted`] : []),
  ];
}
