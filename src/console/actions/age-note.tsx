// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from '../live/sale-data.ts';
import { formatDuration } from '../ui/format.ts';
import { useServerNow } from '../ui/use-now.ts';

/** For dialogs, which cover the alarms: says that the numbers in it may be old. Shows nothing while they are live. */
export function AgeNote({ sale: { status, arrivedAtMs } }: { sale: Sale }) {
  // Renders again each second, so that the age grows.
  useServerNow();
  if (status === 'live' || arrivedAtMs === undefined) return null;
  const age = formatDuration(performance.now() - arrivedAtMs);
  return <p class="note">These numbers are {age} old, and may have changed since.</p>;
}
