// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from './claim.ts';

/**
 * An answer to a claim; the word for it is the same in SQL, metrics and docs. When several apply, the first wins:
 * replayed, coupon_not_found, already_claimed, not_open, paused, closed, sold_out, claimed. A holder always hears that
 * he holds, also when the sale is over. `claimed` and `replayed` are told only after the commit that holds them.
 */
export type ClaimOutcome =
  | { outcome: 'claimed' | 'replayed' | 'already_claimed'; claim: Claim }
  | { outcome: 'not_open'; opensAt: string; opensInSeconds: number }
  | { outcome: 'coupon_not_found' | 'paused' | 'closed' | 'sold_out' };
