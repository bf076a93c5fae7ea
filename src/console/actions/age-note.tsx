// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { formatDuration } from '../ui/format.ts';
import { useServerNow } from '../ui/use-now.ts';

/** Says that the numbers beside it may be old. Shows nothing while they are live. */
export function AgeNote({ sale: { status, arrivedAtMs } }: { sale: Sale }) {
  // Renders again each second, so that the age grows.
  useServerNow();
  if (status === 'live') return null;
  const age = arrivedAtMs === undefined ? undefined : performance.now() - arrivedAtMs;
  return (
    <p class="note">
      {age === undefined
        ? 'No numbers have arrived yet. Actions work all the same.'
        : `These numbers are ${formatDuration(age)} old. Actions work all the same.`}
    </p>
  );
}
