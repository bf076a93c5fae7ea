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

/** Whether claims of this coupon end by their sagas, and never by a time. */
export function haveSagas({ coupon }: Sale): boolean {
  return typeof coupon?.saga === 'string';
}

/** Whether claims of this coupon are reserved at first. */
export function areReserved({ coupon }: Sale): boolean {
  return typeof coupon?.hold_seconds === 'number';
}

/** When the hold of a claim ends, in microseconds; undefined for a coupon without holds, or with sagas. */
export function holdEnd(sale: Sale, { claim }: StoredClaim): number | undefined {
  const seconds = sale.coupon?.hold_seconds;
  if (typeof seconds !== 'number' || haveSagas(sale)) return undefined;
  return microseconds(claim.claimed_at) + seconds * 1_000_000;
}

/** Whether the claim ended because its hold expired. */
export function hasExpired({ released }: StoredClaim): boolean {
  return released?.reason === 'expired';
}
