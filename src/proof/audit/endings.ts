// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedClaim } from '../dump.ts';
import { absent, never } from './columns.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** When a claim ended, as far as clients could see. */
export type Ending = {
  /** The event at which the first request began that may have ended it; `never` for a live claim. It cannot end earlier. */
  begun: number;
  /** The event at which an answer first showed that it had ended; `never` without one. It cannot have ended later. */
  shown: number;
};

/**
 * Finds the end of a claim among the operations of its user. An expired hold may have ended at any time, and so may a claim
 * that `endsAlone`, since its saga ends it.
 */
export function endingOf(
  history: RecordedHistory,
  ops: Int32Array,
  parts: {
    claim: DumpedClaim & { reason?: string | null };
    isEnded: boolean;
    endsAlone: boolean;
  },
): Ending {
  const { claim, isEnded, endsAlone } = parts;
  const ending: Ending = { begun: never, shown: never };
  if (!isEnded) return ending;
  if (claim.reason === 'expired' || endsAlone) ending.begun = -1;
  const claimId = history.claimIds.find(claim.claim_id);
  for (const op of ops) {
    if (showsEnd(history, op) && history.claimId.at(op) === claimId) {
      ending.shown = Math.min(ending.shown, history.endEvent(op));
    }
    if (mayHaveChanged(history, op, { change: 'release', claimId })) {
      ending.begun = Math.min(ending.begun, history.begunEvent.at(op));
    }
  }
  // No recorded request ended it, so the time is unknown. R22 judges that.
  if (ending.begun === never) ending.begun = -1;
  return ending;
}

/** Whether the answer shows a claim that has ended. */
export function showsEnd(history: RecordedHistory, op: number): boolean {
  return history.state(op) === 'released' && history.claimId.at(op) !== absent;
}

/** Whether this request may have confirmed, released or redeemed the claim: not if it was refused or names another one. */
export function mayHaveChanged(
  history: RecordedHistory,
  op: number,
  { change, claimId }: { change: 'confirm' | 'release' | 'redeem'; claimId: number },
): boolean {
  if (history.operation(op) !== change || history.type(op) === 'fail') return false;
  const named = history.namedClaimId.at(op);
  if (named !== absent && named !== claimId) return false;
  return history.type(op) === 'info' || history.claimId.at(op) === claimId;
}

/** Whether the claim may have ended when this operation was answered. */
export function mayHaveEndedBefore({ ending }: { ending: Ending }, event: number): boolean {
  return ending.begun < event;
}
