// SPDX-License-Identifier: GPL-3.0-or-later
import type { PendingDecision } from './pending-decision.ts';
import { type CommittedChange, isChange, type SentChange } from './ports.ts';

/**
 * Answers the changes of a batch that was in doubt and had committed, from what it has changed. Sent again, such a
 * change could change a newer claim of its user. Each committed change answers one decision: those that name a claim
 * first, since only they are certain, then those that do not, in order of arrival.
 */
export function answerCommitted(
  decisions: readonly PendingDecision[],
  changes: readonly CommittedChange[],
): void {
  const left = changes.filter(({ claim }) => !isExpiry(claim.reason));
  for (const namesClaim of [true, false]) {
    for (const decision of decisions) {
      const { command } = decision;
      if (left.length === 0) return;
      if (!isChange(command) || (command.claimId !== undefined) !== namesClaim) continue;
      const index = left.findIndex((change) => isMadeBy(change, command));
      const [made] = index < 0 ? [] : left.splice(index, 1);
      if (made !== undefined) decision.decide({ outcome: 'changed', claim: made.claim });
    }
  }
}

function isMadeBy({ change, claim }: CommittedChange, command: SentChange): boolean {
  return (
    change === command.change &&
    claim.userId === command.userId &&
    (command.claimId === undefined || claim.claimId === command.claimId)
  );
}

/** An expired hold is released by any decision, so the release that a caller asks for can be decided again. */
function isExpiry(reason: string | undefined): boolean {
  return reason === 'expired';
}
