// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../../core/clock.ts';

/** Resolves when the call has settled, or after `msMax`. No timer is left, which would delay the end of the process. */
export async function settledWithin(
  call: Promise<unknown>,
  msMax: number,
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  const stopWaiting = new AbortController();
  const settled = call.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([settled, clock.sleep(msMax, stopWaiting.signal)]);
  stopWaiting.abort();
}
