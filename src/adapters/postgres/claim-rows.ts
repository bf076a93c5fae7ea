// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ClaimState } from '../../core/claims/claim.ts';
import type { SagaState } from '../../core/sagas/saga.ts';
import { sagaIdOf } from '../../core/sagas/saga-id.ts';

/** When a stored claim was made and changed; null where that has not happened. */
export type ClaimTimes = {
  claimed_at: string;
  /** `infinity` while a claim with a saga is reserved. */
  expires_at: string | null;
  confirmed_at: string | null;
  redeemed_at: string | null;
  released_at: string | null;
  reason: string | null;
  /** Of its saga. None: the coupon has no saga, or the claim is reserved and its saga runs. */
  saga_state?: SagaState | null;
};

/** When the hold of a reserved claim ends, where its saga ends it: at no time that is known. */
const never = 'infinity';

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
    ...holdOf(row.expires_at),
    ...(row.confirmed_at !== null && { confirmedAt: toMicroseconds(row.confirmed_at) }),
    ...(row.redeemed_at !== null && { redeemedAt: toMicroseconds(row.redeemed_at) }),
    ...(row.released_at !== null && { releasedAt: toMicroseconds(row.released_at) }),
    ...(row.reason !== null && { reason: row.reason }),
    ...sagaOf(row),
  };
}

/** When a hold ends; nothing where its saga ends it, or where there is none. */
export function holdOf(expiresAt: string | null): Pick<Claim, 'expiresAt'> {
  return expiresAt === null || expiresAt === never ? {} : { expiresAt: toMicroseconds(expiresAt) };
}

/** The saga of a claim; nothing where its coupon has none. */
export function sagaOf(
  row: Pick<ClaimTimes, 'expires_at' | 'saga_state'> & { claim_id: string | null },
): Pick<Claim, 'sagaId' | 'sagaState'> {
  const sagaState = row.saga_state ?? (row.expires_at === never ? 'running' : undefined);
  return sagaState === undefined ? {} : { sagaId: sagaIdOf(row.claim_id as string), sagaState };
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
