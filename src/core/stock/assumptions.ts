// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the core assumes about the life of a claim and of stock, in one place:
 * - A claim is final: it is never changed or removed. So the holders of a sold-out coupon stay the same for as long as its
 *   stock version does, and a claim that is not stored after a refusal never will be.
 * - Units go back on sale only by an announced change (`announced-change.ts`). Adding stock is the only one.
 * - Each unit that is gone is one claim: `claimCount`.
 *
 * Nothing here assumes that positions have no gaps. A position only orders the claims of a coupon.
 */

/** The number of claims of a coupon with this stock. */
export function claimCount(stock: { amount: number; remainingAmount: number }): number {
  return stock.amount - stock.remainingAmount;
}
