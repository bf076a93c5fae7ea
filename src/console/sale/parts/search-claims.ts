// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ReadResult } from '../../../client.ts';

/** By what a claim of a coupon can be found. */
export type SearchBy = 'user' | 'position' | 'id';

/** What an address says: by the user unless it names another way. */
export function searchByOf(text: string | null): SearchBy {
  return text === 'position' || text === 'id' ? text : 'user';
}

/** Whether a text is a position: a whole number from 1 on. */
export function isPosition(text: string): boolean {
  return /^[1-9][0-9]{0,9}$/.test(text);
}

/** The claims in a result. A refusal stays as it is. */
export function claimsOf<Value>(
  result: ReadResult<Value>,
  claims: (value: Value) => Claim[],
): ReadResult<Claim[]> {
  return result.outcome === 'ok' ? { ...result, value: claims(result.value) } : result;
}
