// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the core assumes about the life of a claim and of stock, in one place:
 * - A claim ends at most once, and never begins again. A user who claims again gets a new claim, with a new id and a
 *   new position. So a position is given once, and each holder has one up to the last that was given.
 * - Units go back on sale only by an announced change (`announced-change.ts`), or when a hold expires. Added stock and
 *   releases are announced. Holds expire at times that each stock snapshot knows.
 * - Each unit that is gone is one claim that is not released: `claimCount`.
 *
 * No longer assumed: that a claim is final. A user who was refused because of a claim may claim later, and a claim that
 * was confirmed to a client may be released. Nothing here assumes that positions have no gaps. A position only orders
 * the claims of a coupon.
 */

/** The number of claims that are not released, of a coupon with this stock. */
export function claimCount(stock: { amount: number; remainingAmount: number }): number {
  return stock.amount - stock.remainingAmount;
}
