// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the rules assume about the life of a claim and of stock, in one place:
 * - The dump has every claim there ever was: live ones, and those that ended. Positions run from 1 over both without a gap.
 *   Only live claims keep a unit.
 * - The claims of some coupons are final (`Sale.claimsEnd` is false): they are never changed or removed, so a claim that an
 *   answer showed is there ever after, a user wins once, and stock only grows, by creation and additions.
 * - Where claims end, they change only as R19 allows. A user may win again, and each rule asks whether a claim may have
 *   ended (`endings.ts`) in place of expecting it for good. Units come back, so `sold_out` is never final.
 *
 * These rely on final claims by their nature, and where claims end others take their place:
 * - R2 by the last dump alone: R2 then replays the ledger, and judges each row.
 * - R13b for the order of the changes: its search tries each order that the requests and answers allow. Where claims end, an
 *   expired hold may end at any moment, so it tries only the order of the times that the database has stored. R13 judges
 *   these times.
 * - R9 for the order of two reads: only the amount never shrinks.
 */
import type { Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** The number of live claims at the moment that shows this stock. */
export function claimsAt({ amount, remaining }: { amount: number; remaining: number }): number {
  return amount - remaining;
}

/** The units that are left when so many were granted and so many users hold a claim. */
export function remainingAt({ granted, holders }: { granted: number; holders: number }): number {
  return granted - holders;
}

/** The position of the next claim after so many claims, those that ended included. */
export function nextPosition(claims: number): number {
  return claims + 1;
}

/** Whether this user won at any time: then the dump has the claim. */
export function hasWon({ heldBy }: Sale, user: number): boolean {
  return heldBy.has(user);
}

/** Whether this operation must still see a claim that an answer showed at the event `shown`, unless the claim has ended. */
export function mustSeeClaim(history: RecordedHistory, op: number, shown: number): boolean {
  return history.begunEvent.at(op) >= shown;
}

/** Whether a user without a claim who gets this refusal can never win any more. */
export function isFinalRefusal(
  outcome: string | undefined,
  { canStockCome, closesForGood }: { canStockCome: boolean; closesForGood: boolean },
): boolean {
  return (outcome === 'sold_out' && !canStockCome) || (outcome === 'closed' && closesForGood);
}
