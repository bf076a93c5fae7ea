// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimState } from '../history.ts';
import type { Sale, StoredClaim } from './evidence.ts';
import { microseconds } from './times.ts';

/** The state of a claim by the stored tables. */
export function storedStateOf({ claim, released, redemption }: StoredClaim): ClaimState {
  if (released !== undefined) return 'released';
  if (redemption !== undefined) return 'redeemed';
  return typeof claim.expires_at === 'string' ? 'reserved' : 'confirmed';
}

/** When the hold of a claim ends, in microseconds; undefined for a coupon without holds. */
export function holdEnd({ coupon }: Sale, { claim }: StoredClaim): number | undefined {
  const seconds = coupon?.hold_seconds;
  if (typeof seconds !== 'number') return undefined;
  return microseconds(claim.claimed_at) + seconds * 1_000_000;
}

/** Whether the claim ended because its hold expired. */
export function hasExpired({ released }: StoredClaim): boolean {
  return released?.reason === 'expired';
}
