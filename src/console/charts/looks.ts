// SPDX-License-Identifier: GPL-3.0-or-later
/** How the three charts of a sale look. */
import { formatCount, formatMilliseconds } from '../ui/format.ts';
import { outcomeGroups } from './outcome-groups.ts';
import type { PlotLook } from './plot.ts';

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

function formatAxisCount(count: number): string {
  return count < 10_000 ? formatCount(count) : compact.format(count);
}

/** The stock: from 0 to the amount. */
export function remainingLook(amount: number | undefined): PlotLook {
  return {
    shape: 'steps',
    series: [{ colour: '--accent', pattern: 'plain' }],
    range: (_lowest, highest) => [0, Math.max(amount ?? 0, highest, 1)],
    formatValue: formatAxisCount,
  };
}

/** Outcomes a second, stacked: the top of the stack is drawn first. */
export const outcomeLook: PlotLook = {
  shape: 'areas',
  series: outcomeGroups.map(({ colour, pattern }) => ({ colour, pattern })).reverse(),
  range: (_lowest, highest) => [0, Math.max(highest * 1.1, 5)],
  formatValue: formatAxisCount,
};

/** p50 and p99, from a power of ten to another one. */
export const answerTimeLook: PlotLook = {
  shape: 'lines',
  isLogarithmic: true,
  series: [
    { colour: '--chart-p50', pattern: 'plain' },
    { colour: '--chart-p99', pattern: 'plain', dash: [6, 3] },
  ],
  range: (lowest, highest) => {
    // Without a value, both are null.
    const from = 10 ** Math.floor(Math.log10(Math.max(lowest ?? 1, 0.1)));
    const to = 10 ** Math.ceil(Math.log10(Math.max(highest ?? 1, 0.1)));
    return [from, to > from ? to : from * 10];
  },
  formatValue: formatMilliseconds,
};
