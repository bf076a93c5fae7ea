// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

/**
 * Does a large change in slices, each a short transaction, until one finds nothing more. It rests after each slice for as long
 * as the slice took, so that claims keep the database.
 */
export async function inSlices(
  clock: Pick<Clock, 'nowMs' | 'sleep'>,
  changeSlice: () => Promise<'more' | 'end'>,
): Promise<void> {
  for (;;) {
    const startedMs = clock.nowMs();
    if ((await changeSlice()) === 'end') return;
    await clock.sleep(clock.nowMs() - startedMs);
  }
}
