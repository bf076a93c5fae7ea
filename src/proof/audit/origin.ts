// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedClaim } from '../dump.ts';
import { absent, never } from './columns.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** Where a stored claim may come from, as far as clients could see. */
export type Origin = {
  /** The attempt that heard `claimed` with this very claim; undefined when none did. */
  maker: number | undefined;
  /** How many attempts may have made it: the maker alone, or those whose outcome nobody can tell. */
  candidates: number;
  /** The event at which the first of them was asked; -1 when there is none. The claim cannot be older. */
  begun: number;
  /** The event at which an answer first showed the claim; `never` when none did. The claim cannot be younger. */
  shown: number;
};

/**
 * Looks for the origin of a claim among its user's operations. An attempt that was refused is never an origin. One whose
 * outcome nobody can tell may be, unless it was told another claim id, or sent another key than the one that is stored.
 */
export function originOf(history: RecordedHistory, ops: Int32Array, claim: DumpedClaim): Origin {
  const claimId = history.claimIds.find(claim.claim_id);
  const origin: Origin = { maker: undefined, candidates: 0, begun: -1, shown: never };
  for (const op of ops) {
    const isShown = claimId !== absent && history.claimId.at(op) === claimId;
    if (isShown && history.showsClaim(op)) {
      origin.shown = Math.min(origin.shown, history.endEvent(op));
      if (origin.maker === undefined && isWin(history, op)) origin.maker = op;
    }
    if (mayHaveMade(history, op, claim)) {
      origin.candidates += 1;
      if (origin.begun === -1) origin.begun = history.begunEvent.at(op);
    }
  }
  if (origin.maker !== undefined) {
    origin.candidates = 1;
    origin.begun = history.begunEvent.at(origin.maker);
  }
  return origin;
}

/** Whether the operation is a claim that heard `claimed`: this very attempt won. */
export function isWin(history: RecordedHistory, op: number): boolean {
  return (
    history.operation(op) === 'claim' &&
    history.type(op) === 'ok' &&
    history.outcome(op) === 'claimed'
  );
}

/** Whether the claim may have been made by this attempt, though its answer does not say so. */
export function mayHaveMade(history: RecordedHistory, op: number, claim: DumpedClaim): boolean {
  if (history.operation(op) !== 'claim') return false;
  if (isWin(history, op)) return true;
  if (history.type(op) !== 'info') return false;
  const told = history.claimId.at(op);
  if (told !== absent && told !== history.claimIds.find(claim.claim_id)) return false;
  return history.keyText(op) === claim.idempotency_key;
}
