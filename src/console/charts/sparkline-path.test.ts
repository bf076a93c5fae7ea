// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { sparklinePath } from './sparkline-path.ts';

describe('the path of a sparkline', () => {
  it('goes from 0 at the bottom to the highest value at the top', () => {
    expect(sparklinePath([0, 10])).toBe('M0 22.5L0 22.5L100 1.5');
  });

  it('has a gap where a value is unknown, and a dot between two gaps', () => {
    expect(sparklinePath([10, null, 10])).toBe('M0 1.5L0 1.5M100 1.5L100 1.5');
  });

  it('lies at the bottom where all values are 0', () => {
    expect(sparklinePath([0, 0])).toBe('M0 22.5L0 22.5L100 22.5');
  });

  it.each([[[]], [[null, null]]])('is empty without values: %j', (values) => {
    expect(sparklinePath(values)).toBe('');
  });
});
