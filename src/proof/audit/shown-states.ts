// SPDX-License-Identifier: GPL-3.0-or-later
import { type ClaimState, claimStates } from '../history.ts';
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
  const shownBy = new Map<number, number[]>();
  for (const op of ops) {
    const state = history.state(op);
    if (state === undefined) continue;
    const claimId = history.claimId.at(op);
    const others = shownBy.get(claimId);
    const before = others?.find((other) => {
      return history.endEvent(other) < history.begunEvent.at(op) && goesBack(history, other, state);
    });
    if (before !== undefined) {
      findings.violation(() => {
        const then = `${history.describe(before)} showed ${history.state(before)}`;
        return `${history.describe(op)}: shows a claim as ${state}, after ${then}`;
      });
    }
    if (others === undefined) shownBy.set(claimId, [op]);
    else others.push(op);
  }
}

/** Whether no claim gets from the state of the earlier answer to this one. */
function goesBack(history: RecordedHistory, earlier: number, state: ClaimState): boolean {
  const before = history.state(earlier) ?? claimStates[0];
  if (steps[state] < steps[before]) return true;
  return steps[before] === steps.released && state !== before;
}
