// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HolderSet } from './holder-set.ts';

describe('HolderSet', () => {
  it('knows every text that was added, and of a hundred thousand others none', () => {
    const set = new HolderSet(100_000, 42);
    for (let index = 0; index < 100_000; index += 1) set.add(`user-${index}`);
    let missed = 0;
    let mistaken = 0;
    for (let index = 0; index < 100_000; index += 1) {
      if (!set.has(`user-${index}`)) missed += 1;
      if (set.has(`other-${index}`)) mistaken += 1;
    }
    expect({ missed, mistaken, size: set.size }).toEqual({ missed: 0, mistaken: 0, size: 100_000 });
  });

  it('agrees with a plain set on any texts, whatever the seed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 50 }),
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 50 }),
        fc.integer(),
        (added, asked, seed) => {
          const set = new HolderSet(50, seed);
          const plain = new Set(added);
          for (const text of added) set.add(text);
          return [...added, ...asked].every((text) => set.has(text) === plain.has(text));
        },
      ),
    );
  });

  it('tells texts apart that differ in one character anywhere, or in length only', () => {
    const texts = ['', 'a', 'aa', 'ab', 'ba', 'A', 'a\u0301', 'á', '😀', '😁'];
    for (const one of texts) {
      const set = new HolderSet(1, 7);
      set.add(one);
      expect(texts.filter((text) => set.has(text))).toEqual([one]);
    }
  });

  it('takes a text twice without using room for it', () => {
    const set = new HolderSet(1, 1);
    set.add('ada');
    set.add('ada');
    expect(set.size).toBe(1);
  });

  it('refuses a text more than there is room for', () => {
    const set = new HolderSet(1, 1);
    set.add('ada');
    expect(() => set.add('bob')).toThrow('full');
  });
});
