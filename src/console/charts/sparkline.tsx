// SPDX-License-Identifier: GPL-3.0-or-later
import './sparkline.css';
import { sparklinePath, sparklineSize } from './sparkline-path.ts';

/** A small line of values from 0 up. `label` says what it shows, with the newest value. A value that is null is a gap. */
export function Sparkline({
  values,
  label,
}: {
  values: readonly (number | null)[];
  label: string;
}) {
  const { width, height } = sparklineSize;
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={sparklinePath(values)} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
