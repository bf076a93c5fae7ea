// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';

/**
 * For a test whose subject has its own limit of time, on a machine that was too slow to bring about in time what is to
 * be tested: nothing was learned, and the test runs again from its beginning.
 */
export function missed(what: string): never {
  throw new Error(`the moment was missed: ${what}`);
}

/** Asks again and again until the answer is truthy, and returns it. Rejects, naming what was waited for, when it never is. */
export async function waitFor<Value>(
  what: string,
  look: () => Promise<Value> | Value,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<NonNullable<Value>> {
  const { timeoutMs = 20_000, everyMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  let failure: unknown;
  for (;;) {
    // Taken before the look: there is always one after the time is over, though this process was halted meanwhile.
    const isLast = performance.now() >= deadline;
    try {
      const value = await look();
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
