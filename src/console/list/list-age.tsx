// SPDX-License-Identifier: GPL-3.0-or-later
import { formatDuration } from '../ui/format.ts';
import { useServerNow } from '../ui/use-now.ts';

const staleMs = 15_000;

/** How old the list is. */
export function ListAge({ arrivedAtMs }: { arrivedAtMs: number | undefined }) {
  // Renders again each second, so that the age grows.
  useServerNow();
  if (arrivedAtMs === undefined) return null;
  const ageMs = performance.now() - arrivedAtMs;
  const text = `${formatDuration(ageMs)} old`;
  return ageMs > staleMs ? (
    <span class="badge warning number">The list is {text}</span>
  ) : (
    <span class="soft number">{text}</span>
  );
}
