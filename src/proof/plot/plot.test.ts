// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { drawBars } from './bar-plot.ts';
import type { Drawing } from './drawing.ts';
import { drawLines, type LinePlot } from './line-plot.ts';

const textOf = ({ elements }: Drawing) => elements.join('\n');
const aPlot = (more: Partial<LinePlot>): LinePlot => ({
  ...{ title: 't', xTitle: 'x', yTitle: 'y', xTicks: [], scale: 'log', lines: [], ...more },
});

describe('a line plot', () => {
  it.each(['log', 'linear'] as const)('draws each point at its value on a %s scale', (scale) => {
    const points =
      scale === 'log'
        ? ([
            [0, 1],
            [10, 100],
          ] as const)
        : ([
            [0, 0],
            [10, 50],
          ] as const);
    const lines = [{ name: 'p50', colour: 'blue', points }];
    // From the lower left corner to the upper right one.
    expect(textOf(drawLines(aPlot({ scale, lines })))).toContain('points="76,288 590,44"');
  });

  it('puts a value of 0 on the lowest tick of a logarithmic scale', () => {
    const points = [0, 1, 100].map((y, index) => [index, y] as const);
    const text = textOf(drawLines(aPlot({ lines: [{ name: 'p50', colour: 'blue', points }] })));
    expect(text).toContain('points="76,288 333,288 590,44"');
  });

  it('draws the names of lines with equal ends below each other', () => {
    const points = [[0, 5]] as const;
    const lines = ['a', 'b', 'c'].map((name) => ({ name, colour: 'blue', points }));
    const text = textOf(drawLines(aPlot({ lines })));
    const ys = [...text.matchAll(/y="([\d.]+)">[abc]</g)].map(([, y]) => Number(y));
    expect(ys).toHaveLength(3);
    expect(ys.slice(1).map((y, index) => y - (ys[index] ?? 0))).toEqual([18, 18]);
  });

  it.each(['log', 'linear'] as const)('needs no value on a %s scale', (scale) => {
    const lines = [{ name: 'p50', colour: 'blue', points: [] }];
    expect(textOf(drawLines(aPlot({ scale, lines })))).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('a bar plot', () => {
  it('stacks bars without a gap, and merges seconds where space is short', () => {
    const series = [30, 20].map((value) => ({
      ...{ name: `${value}`, colour: 'won', values: new Array<number>(1000).fill(value) },
    }));
    const text = textOf(drawBars({ title: 't', yTitle: 'answers/s', series }));
    const bars = [...text.matchAll(/<rect [^>]*x="76" y="([\d.]+)" [^>]*height="([\d.]+)"/g)];
    const [lower, upper] = bars.map(([, y, tall]) => ({ y: Number(y), tall: Number(tall) }));
    // Together 50, which is also the end of the axis.
    expect(upper?.y).toBeCloseTo(44, 1);
    expect((upper?.y ?? 0) + (upper?.tall ?? 0)).toBeCloseTo(lower?.y ?? 0, 1);
    expect(text.match(/<rect /g)?.length).toBeLessThan(800);
  });
});
