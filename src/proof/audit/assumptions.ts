// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the rules assume about the life of a claim and of stock, in one place:
 * - A claim is final. Once stored it is never changed or removed. So the dump holds every claim there ever was, and a
 *   claim that an answer showed is there ever after.
 * - Stock only grows, by the creation of the coupon and by additions. So each unit that is gone is a claim, and positions
 *   run from 1 without a gap. `granted.ts` says when stock may have grown.
 *
 * A service in which a claim can end changes these functions first, then what relies on them by its nature: `origin.ts`
 * (a claim has one origin) and `search-order.ts` (its search only adds holders).
 */
import type { Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';

/** The number of claims at the moment that shows this stock. */
export function claimsAt({ amount, remaining }: { amount: number; remaining: number }): number {
  return amount - remaining;
}

/** The units that are left when so many were granted and so many users hold a claim. */
export function remainingAt({ granted, holders }: { granted: number; holders: number }): number {
  return granted - holders;
}

/** The position of the next claim after so many claims. */
export function nextPosition(claims: number): number {
  return claims + 1;
}

/** Whether this user won at any time: then the dump has the claim. */
export function hasWon({ heldBy }: Sale, user: number): boolean {
  return heldBy.has(user);
}

/** Whether this operation must still see a claim that an answer showed at the event `shown`. */
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
