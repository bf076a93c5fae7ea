// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimState } from '../../client.ts';

/** Every state of a claim. Without a choice the API leaves out those that have ended. */
export const claimStates: readonly ClaimState[] = ['reserved', 'confirmed', 'redeemed', 'released'];

/** The states that an address asks for: one, or all. */
export function statesOf(chosen: string | null): ClaimState[] {
  const one = claimStates.filter((state) => state === chosen);
  return one.length === 1 ? one : [...claimStates];
}
