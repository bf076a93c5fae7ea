// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { readSamples } from './metrics-text.ts';

describe('the samples of a text for Prometheus', () => {
  it('have their labels and values, and only of the wanted metrics', () => {
    const text = [
      '# HELP a_total Help of a_total.',
      '# TYPE a_total counter',
      'a_total{result="done"} 3',
      'a_total_created 1',
      'a_total 1.5e3 1700000000000',
      'b -0.25',
      'c NaN',
      'd 1',
      '',
    ].join('\n');
    expect(readSamples(text, ['a_total', 'b', 'c'])).toEqual([
      { name: 'a_total', labels: { result: 'done' }, value: 3 },
      { name: 'a_total', labels: {}, value: 1_500 },
      { name: 'b', labels: {}, value: -0.25 },
    ]);
  });

  it('have labels as they are: with quotes, backslashes, braces and line ends', () => {
    const text = String.raw`a{coupon="x\"} 1 \\ \n{",other="2"} 7`;
    expect(readSamples(text, ['a'])).toEqual([
      { name: 'a', labels: { coupon: 'x"} 1 \\ \n{', other: '2' }, value: 7 },
    ]);
  });

  it.each([
    ['+Inf', Infinity],
    ['-Inf', -Infinity],
  ])('may be infinite: %s', (written, value) => {
    expect(readSamples(`a ${written}`, ['a'])[0]?.value).toBe(value);
  });
});
