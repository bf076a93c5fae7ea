// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { textArray } from './array-parameters.ts';

const hex = (texts: readonly (string | undefined)[]) =>
  textArray(texts, (text) => text).toString('hex');

describe('an array of texts in the binary format', () => {
  it('is a head of five numbers, and each element as its length and its bytes', () => {
    expect(hex(['a', undefined, '', 'é'])).toBe(
      [
        // Dimensions, nulls, the type (25 is text), length and lower bound of the dimension.
        ...['00000001', '00000001', '00000019', '00000004', '00000001'],
        ...['00000001', '61'],
        'ffffffff',
        '00000000',
        ...['00000002', 'c3a9'],
      ].join(''),
    );
  });

  it('has no null flag when it has no null', () => {
    expect(hex(['a'])).toBe(
      [...['00000001', '00000000', '00000019', '00000001', '00000001'], ...['00000001', '61']].join(
        '',
      ),
    );
  });

  it('may be empty, or end in an empty text', () => {
    expect(hex([])).toBe('0000000100000000000000190000000000000001');
    expect(hex([''])).toBe('000000010000000000000019000000010000000100000000');
  });

  it('has the replacement character for a lone surrogate', () => {
    expect(hex(['\ud800']).slice(-14)).toBe('00000003efbfbd');
  });
});
