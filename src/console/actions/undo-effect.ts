// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from '../../client.ts';

/** What a release with the admin key does to a claim, in words. */
export function undoEffect({ state, saga_state }: Pick<Claim, 'state' | 'saga_state'>): string {
  if (state === 'redeemed') return 'The claim is redeemed. The service refuses to release it.';
  if (state === 'released') {
    return 'The claim is released already. The user can still be kept from claiming again.';
  }
  if (saga_state === undefined || saga_state === 'compensated') {
    const held = state === 'reserved' ? 'The hold ends' : 'The claim ends';
    return `${held}, and its unit is on sale again. The position is not given again.`;
  }
  return 'The saga of the claim undoes its steps. Then the claim ends, and its unit is on sale again.';
}
