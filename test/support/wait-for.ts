// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import { endsWithin } from '../../src/adapters/postgres/connections/ends-within.ts';

// A check that is under way at the deadline may be the one that succeeds.
const [lastCheckMsMin, lastCheckMsMax] = [1_000, 10_000];

/**
 * Repeats the test. For a test whose subject has a time limit of its own, when the machine was too slow to create the
 * situation under test within it: the attempt shows nothing.
 */
export function missed(what: string): never {
  throw new Error(`the moment was missed: ${what}`);
}

/**
 * Calls `check` until its result is truthy, and returns that. Rejects after the timeout, which by default only ends a test
 * that hangs; the error names `what`. A check that does not end, such as a request to a frozen server, holds it up for ten
 * seconds more at most.
 */
export async function waitFor<Value>(
  what: string,
  check: () => Promise<Value> | Value,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<NonNullable<Value>> {
  const { timeoutMs = 120_000, everyMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  const graceMs = Math.min(lastCheckMsMin + timeoutMs, lastCheckMsMax);
  let failure: unknown;
  for (;;) {
    // Read before the check: one check always follows the deadline, even if this process was suspended meanwhile.
    const isLast = performance.now() >= deadline;
    try {
      const checked = Promise.resolve(check());
      const leftMs = Math.max(0, deadline - performance.now()) + graceMs;
      if (!(await endsWithin(checked, leftMs))) {
        checked.catch(() => undefined);
        failure = new Error('the last check did not end');
        break;
      }
      const value = await checked;
      if (value) return value;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (isLast) break;
    await delay(everyMs);
  }
  throw new Error(`after ${timeoutMs} ms there was still no ${what}`, { cause: failure });
}
