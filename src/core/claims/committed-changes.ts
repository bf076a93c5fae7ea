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
  const left = changes.filter(
    (change) => !isExpiry(change.claim.reason) && !isDisputed(decisions, change),
  );
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

/**
 * Whether several redeems can have made this redemption, and only a key says which. A redeem with a key is sent again:
 * the database knows the key of the redemption. One without a key cannot be answered.
 */
function isDisputed(decisions: readonly PendingDecision[], made: CommittedChange): boolean {
  if (made.change !== 'redeem') return false;
  const redeems = decisions.filter(({ command }) => isChange(command) && isMadeBy(made, command));
  const withoutKey = redeems.filter(({ command }) => command.idempotencyKey === undefined);
  if (redeems.length < 2 || withoutKey.length === redeems.length) return false;
  for (const decision of withoutKey) {
    decision.fail('unavailable', 'another redeem of this claim was under way');
  }
  return true;
}

function isMadeBy({ change, claim }: CommittedChange, command: SentChange): boolean {
  return (
    change === command.change &&
    claim.userId === command.userId &&
    (change === 'redeem' || isOfSaga(command) === (claim.sagaId !== undefined)) &&
    (command.claimId === undefined || claim.claimId === command.claimId)
  );
}

/** A claim with a saga is confirmed and released by nothing else. */
function isOfSaga({ sagaEpoch }: SentChange): boolean {
  return sagaEpoch !== undefined;
}

/** An expired hold is released by any decision, so the release that a caller asks for can be decided again. */
function isExpiry(reason: string | undefined): boolean {
  return reason === 'expired';
}
