// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads how the claims of a coupon were answered. */
import { isDeepStrictEqual } from 'node:util';
import type { Answer } from './contract-client.ts';
import { type ContractService, pathOf, until } from './contract-service.ts';

/** How many claims got each outcome. */
export type Tally = Record<string, number>;

/** Adds up the seconds. */
export function sumOf(seconds: readonly { outcomes: Tally | null }[]): Tally {
  const sum: Tally = {};
  for (const { outcomes } of seconds) {
    for (const [name, count] of Object.entries(outcomes ?? {}))
      sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

/** Reads the history of a coupon. */
export function historyOf(service: ContractService, coupon: string, query = ''): Promise<Answer> {
  return service.client.get(`${pathOf(coupon, 'outcomes', 'history')}${query}`);
}

/** Waits for these sums in the history, and returns it. */
export async function untilCounted(service: ContractService, coupon: string, expected: Tally) {
  const { json } = await until(
    () => historyOf(service, coupon),
    // The order of the outcomes depends on where a second ends.
    ({ json: { seconds } }) => isDeepStrictEqual(sumOf(seconds), expected),
  );
  return json;
}
