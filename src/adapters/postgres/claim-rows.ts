// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ClaimState } from '../../core/claims/claim.ts';

/** When a stored claim was made and changed; null where that has not happened. */
export type ClaimTimes = {
  claimed_at: string;
  expires_at: string | null;
  confirmed_at: string | null;
  redeemed_at: string | null;
  released_at: string | null;
  reason: string | null;
};

/** The claim of a row. Its state follows from its times. */
export function toClaim(
  couponName: string,
  row: ClaimTimes & { claim_id: string | null; user_id: string; position: number },
): Claim {
  return {
    claimId: row.claim_id as string,
    couponName,
    userId: row.user_id,
    position: row.position,
    claimedAt: toMicroseconds(row.claimed_at),
    state: stateOf(row),
    ...(row.expires_at !== null && { expiresAt: toMicroseconds(row.expires_at) }),
    ...(row.confirmed_at !== null && { confirmedAt: toMicroseconds(row.confirmed_at) }),
    ...(row.redeemed_at !== null && { redeemedAt: toMicroseconds(row.redeemed_at) }),
    ...(row.released_at !== null && { releasedAt: toMicroseconds(row.released_at) }),
    ...(row.reason !== null && { reason: row.reason }),
  };
}

function stateOf(row: ClaimTimes): ClaimState {
  if (row.released_at !== null) return 'released';
  if (row.redeemed_at !== null) return 'redeemed';
  return row.expires_at === null ? 'confirmed' : 'reserved';
}

const fullTimeLength = '2030-01-31T18:00:00.000000Z'.length;

/** Adds the zeros that the database leaves out of the fraction, so that times sort as texts. */
export function toMicroseconds(time: string): string {
  if (time.length === fullTimeLength) return time;
  const [seconds, fraction = ''] = time.slice(0, -1).split('.');
  return `${seconds}.${fraction.padEnd(6, '0')}Z`;
}
