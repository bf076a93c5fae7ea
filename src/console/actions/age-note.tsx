// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { formatDuration } from '../ui/format.ts';
import { useServerNow } from '../ui/use-now.ts';

/** Says that the numbers beside it may be old. Shows nothing while they are live. */
export function AgeNote({ sale: { status, arrivedAtMs, refusal } }: { sale: Sale }) {
  // Renders again each second, so that the age grows.
  useServerNow();
  const isBeginning = status === 'connecting' && refusal === undefined;
  if (status === 'live' || isBeginning) return null;
  const age = arrivedAtMs === undefined ? undefined : performance.now() - arrivedAtMs;
  return (
    <p class="note">
      {age === undefined
        ? 'No numbers have arrived. The sale can be paused all the same, and stock can be added.'
        : `These numbers are ${formatDuration(age)} old. Actions work all the same.`}
    </p>
  );
}
