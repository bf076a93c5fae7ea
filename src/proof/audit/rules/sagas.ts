// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedSaga } from '../../dump.ts';
import type { SagaState } from '../../history.ts';
import { counted } from '../../numbers.ts';
import { haveSagas, storedStateOf } from '../claim-states.ts';
import { absent } from '../columns.ts';
import type { Evidence, Sale, StoredClaim } from '../evidence.ts';
import type { RecordedHistory } from '../recorded-history.ts';
import { eachSagaClaim } from '../saga-claims.ts';
import { RuleFindings, type RuleReport } from '../verdict.ts';

/**
 * R27. Every claim of a coupon with a saga has its own one, and it has ended: `done` with a confirmed or redeemed claim and
 * all its steps done, or `compensated` with a released claim and no step left done. Those that need attention are listed.
 * Answers never show a claim and its saga in states that contradict each other.
 */
export function sagasEnd(evidence: Evidence): RuleReport {
  const findings = new RuleFindings(
    'R27',
    'every saga has ended, and agrees with its claim',
    'no claim of this history has a saga',
  );
  const { history, sales, dump } = evidence;
  const stepsOf = new Map<string, string[]>();
  for (const { saga_id: id, state } of dump.saga_steps ?? []) {
    const steps = stepsOf.get(id);
    if (steps === undefined) stepsOf.set(id, [state]);
    else steps.push(state);
  }
  const attention: string[] = [];
  eachSagaClaim(evidence, (one, sale) => {
    findings.checked += 1;
    if (one.saga?.state === 'A') {
      attention.push(`saga ${one.saga.saga_id}: ${one.saga.cause ?? 'no cause'}`);
    }
    const problem = problemOf(one, one.saga && (stepsOf.get(one.saga.saga_id) ?? []));
    if (problem === undefined) return;
    const { claim_id: id, user_id: user } = one.claim;
    findings.violation(() => `${sale.name}: claim ${id} of ${user} ${problem}`);
  });
  if (attention.length > 0) findings.note(`needs attention: ${counted(attention.length, 'saga')}`);
  for (const one of attention) findings.note(one);
  for (const sale of sales) {
    checkCreation(history, sale, findings);
    checkAnswers(history, sale, findings);
  }
  return findings.end();
}

/** The id of the saga of a claim: that of the claim with version 8. */
function sagaIdOf(claimId: string): string {
  return `${claimId.slice(0, 14)}8${claimId.slice(15)}`;
}

const endings: Record<string, { name: SagaState; claim: readonly string[]; wrong: string[] }> = {
  D: { name: 'done', claim: ['confirmed', 'redeemed'], wrong: ['P', 'N', 'Q', 'U'] },
  X: { name: 'compensated', claim: ['released'], wrong: ['P', 'D', 'Q'] },
  A: { name: 'needs_attention', claim: ['reserved', 'confirmed'], wrong: [] },
};

function problemOf(one: StoredClaim, steps: readonly string[] | undefined): string | undefined {
  const { claim } = one;
  const saga: DumpedSaga | undefined = one.saga;
  if (saga === undefined || steps === undefined) return 'has no saga';
  if (saga.claim_id !== claim.claim_id || saga.user_id !== claim.user_id) {
    return `has the saga of claim ${saga.claim_id} of ${saga.user_id}`;
  }
  if (saga.saga_id !== sagaIdOf(claim.claim_id)) return `has the saga ${saga.saga_id}`;
  const ending = endings[saga.state];
  if (ending === undefined) return `has a saga that has not ended, in state ${saga.state}`;
  const state = storedStateOf(one);
  if (!ending.claim.includes(state)) return `is ${state}, and its saga is ${ending.name}`;
  const wrong = steps.find((step) => ending.wrong.includes(step));
  return wrong === undefined || saga.is_resolved
    ? undefined
    : `has a saga that is ${ending.name}, with a step in state ${wrong}`;
}

function checkCreation(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  const stored = sale.coupon?.saga ?? undefined;
  for (const op of sale.ops) {
    if (history.operation(op) !== 'create' || history.type(op) !== 'ok') continue;
    if (history.sagas.get(op) === stored) continue;
    findings.violation(() => `${history.describe(op)}: stores the saga ${stored ?? 'none'}`);
  }
}

/** The states of a saga that an answer may show with a claim in this state. */
const possible: Record<string, readonly SagaState[]> = {
  reserved: ['running', 'compensating', 'needs_attention'],
  confirmed: ['done', 'compensating', 'needs_attention'],
  redeemed: ['done'],
  released: ['compensated'],
};

function checkAnswers(history: RecordedHistory, sale: Sale, findings: RuleFindings): void {
  for (const op of sale.ops) {
    const state = history.state(op);
    if (state === undefined) continue;
    const id = history.labels.text(history.sagaId.at(op));
    const sagaState = history.sagaState(op);
    const problem = !haveSagas(sale)
      ? id !== undefined && `shows the saga ${id}, but its coupon has none`
      : id === undefined || sagaState === undefined
        ? 'shows a claim without its saga'
        : history.claimId.at(op) !== absent && id !== sagaIdOf(claimIdOf(history, op))
          ? `shows the saga ${id} for claim ${claimIdOf(history, op)}`
          : !possible[state]?.includes(sagaState) &&
            `shows a claim that is ${state}, with a saga that is ${sagaState}`;
    if (problem !== false) findings.violation(() => `${history.describe(op)}: ${problem}`);
  }
}

function claimIdOf(history: RecordedHistory, op: number): string {
  return history.claimIds.text(history.claimId.at(op)) ?? '';
}
