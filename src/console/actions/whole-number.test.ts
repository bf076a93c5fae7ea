// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { readWholeNumber } from './whole-number.ts';

describe('readWholeNumber', () => {
  it('reads digits, also in groups of thousands', () => {
    expect(readWholeNumber('500')).toBe(500);
    expect(readWholeNumber(' 0 ')).toBe(0);
    expect(readWholeNumber('1,000')).toBe(1_000);
    expect(readWholeNumber('1 234 567')).toBe(1_234_567);
  });

  it('reads nothing that could mean two numbers, or none', () => {
    for (const text of ['', '1.000', '1,5', '1,0000', '-1', '+1', '1e3', '0x10', 'ten', '٣']) {
      expect(readWholeNumber(text), text).toBeUndefined();
    }
    expect(readWholeNumber('9'.repeat(17))).toBeUndefined();
  });
});
