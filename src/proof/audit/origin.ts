// SPDX-License-Identifier: GPL-3.0-or-later
import type { DumpedClaim } from '../dump.ts';
import { absent, never } from './columns.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** The attempts that may have made a stored claim, as far as clients could see. */
export type Origin = {
  /** The attempt that got `claimed` with this claim; undefined without one. */
  maker: number | undefined;
  /** How many attempts may have made it: the maker alone, or the attempts with an unknown outcome. */
  candidates: number;
  /** The event at which the first of them began; -1 without any. The claim cannot be older. */
  begun: number;
  /** The event at which an answer first showed the claim; `never` without one. The claim cannot be younger. */
  shown: number;
};

/**
 * Finds the origin of a claim among the operations of its user. A refused attempt is never the origin. An attempt with
 * an unknown outcome may be, unless its answer named another claim id, or it sent another key than the stored one. Where
 * claims end a user can win several times, so a win only counts for the claim that it shows.
 */
export function originOf(
  history: RecordedHistory,
  ops: Int32Array,
  { claim, claimsEnd }: { claim: DumpedClaim; claimsEnd: boolean },
): Origin {
  const claimId = history.claimIds.find(claim.claim_id);
  const origin: Origin = { maker: undefined, candidates: 0, begun: -1, shown: never };
  for (const op of ops) {
    const isShown = claimId !== absent && history.claimId.at(op) === claimId;
    if (isShown && history.showsClaim(op)) {
      origin.shown = Math.min(origin.shown, history.endEvent(op));
      if (origin.maker === undefined && isWin(history, op)) origin.maker = op;
    }
    const isOtherWin = claimsEnd && isWin(history, op) && !isShown;
    if (!isOtherWin && mayHaveMade(history, op, claim)) {
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

/** Whether this attempt won: its answer was `claimed`. */
export function isWin(history: RecordedHistory, op: number): boolean {
  return (
    history.operation(op) === 'claim' &&
    history.type(op) === 'ok' &&
    history.outcome(op) === 'claimed'
  );
}

/** Whether this attempt may have made the claim, even if its answer does not say so. */
export function mayHaveMade(history: RecordedHistory, op: number, claim: DumpedClaim): boolean {
  if (history.operation(op) !== 'claim') return false;
  if (isWin(history, op)) return true;
  if (history.type(op) !== 'info') return false;
  const named = history.claimId.at(op);
  if (named !== absent && named !== history.claimIds.find(claim.claim_id)) return false;
  return history.keyText(op) === claim.idempotency_key;
}
