// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from './claim.ts';

/**
 * Every answer that a claim can get, in order of precedence: when several apply, the first wins. A holder always
 * hears that he holds, also when the sale is over.
 */
export const claimOutcomes = [
  'replayed',
  'coupon_not_found',
  'already_claimed',
  'not_open',
  'paused',
  'closed',
  'sold_out',
  'claimed',
] as const;

/** The word for an answer, the same in SQL, metrics and docs. */
export type ClaimOutcomeName = (typeof claimOutcomes)[number];

/** An answer to a claim. `claimed` and `replayed` are told only after the commit that holds them. */
export type ClaimOutcome =
  | { outcome: 'claimed' | 'replayed' | 'already_claimed'; claim: Claim }
  | { outcome: 'not_open'; opensAt: string; opensInSeconds: number }
  | { outcome: 'coupon_not_found' | 'paused' | 'closed' | 'sold_out' };
