// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ClaimState } from '../claims/claim.ts';
import type { EventType } from '../events/ports.ts';
import type { Event } from './webhook.ts';

/** The ids of samples begin with this, and those of events never do. */
export const samplePrefix = 'evt_test_';

const stateAfter: Partial<Record<EventType, ClaimState>> = {
  'claim.reserved': 'reserved',
  'claim.confirmed': 'confirmed',
  'claim.released': 'released',
  'claim.redeemed': 'redeemed',
};

/** An event that never happened, in the form of its type. `id` is a new UUID. */
export function sampleEvent(
  type: EventType,
  { id, at, couponName }: { id: string; at: string; couponName: string | null },
): Event {
  const state = stateAfter[type];
  return {
    ...{ couponId: '0', seq: '0', n: 0, eventId: `${samplePrefix}${id}`, type, at },
    data:
      state === undefined
        ? { couponName: couponName ?? 'test', amount: 1, remainingAmount: 1, state: 'open' }
        : { claim: sampleClaim(state, { id, at, couponName }) },
  };
}

function sampleClaim(
  state: ClaimState,
  { id, at, couponName }: { id: string; at: string; couponName: string | null },
): Claim {
  return {
    ...{ claimId: id, couponName: couponName ?? 'test', userId: 'test', position: 1 },
    ...{ claimedAt: at, state },
    ...(state === 'reserved' && { expiresAt: minutesAfter(at, 10) }),
    ...(state === 'redeemed' && { redeemedAt: at }),
    ...(state === 'released' && { releasedAt: at, reason: 'test' }),
  };
}

function minutesAfter(at: string, minutes: number): string {
  return new Date(Date.parse(at) + minutes * 60_000).toISOString().replace('Z', '000Z');
}
