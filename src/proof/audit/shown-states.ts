// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimState } from '../history.ts';
import type { RecordedHistory } from './recorded-history.ts';
import type { RuleFindings } from './verdict.ts';

/** How far a claim has come in each state. */
export const steps: Record<ClaimState, number> = {
  reserved: 0,
  confirmed: 1,
  redeemed: 2,
  released: 2,
};

/** Reports answers that show an earlier state of a claim than an answer before them. `ops` are those of one user. */
export function checkStatesGoForward(
  history: RecordedHistory,
  ops: Int32Array,
  findings: RuleFindings,
): void {
  // For each claim, the first answer that showed it in each state.
  const shownBy = new Map<number, Map<ClaimState, number>>();
  for (const op of ops) {
    const state = history.state(op);
    if (state === undefined) continue;
    const claimId = history.claimId.at(op);
    const shown = shownBy.get(claimId) ?? new Map<ClaimState, number>();
    shownBy.set(claimId, shown);
    const before = [...shown].find(([earlier, other]) => {
      return history.endEvent(other) < history.begunEvent.at(op) && goesBack(earlier, state);
    });
    if (before !== undefined) {
      findings.violation(() => {
        const then = `${history.describe(before[1])} showed ${before[0]}`;
        return `${history.describe(op)}: shows a claim as ${state}, after ${then}`;
      });
    }
    const first = shown.get(state);
    if (first === undefined || history.endEvent(op) < history.endEvent(first)) shown.set(state, op);
  }
}

/** Whether no claim gets from one state to the other. */
function goesBack(before: ClaimState, state: ClaimState): boolean {
  if (steps[state] < steps[before]) return true;
  return steps[before] === steps.released && state !== before;
}
