// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HolderSet } from './holder-set.ts';

describe('HolderSet', () => {
  it('has every text that was added, and none of a hundred thousand others', () => {
    const set = new HolderSet(42);
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
        (added, others, seed) => {
          const set = new HolderSet(seed);
          const plain = new Set(added);
          for (const text of added) set.add(text);
          return [...added, ...others].every((text) => set.has(text) === plain.has(text));
        },
      ),
    );
  });

  it('distinguishes texts that differ in one character or in length only', () => {
    const texts = ['', 'a', 'aa', 'ab', 'ba', 'A', 'a\u0301', 'á', '😀', '😁'];
    for (const one of texts) {
      const set = new HolderSet(7);
      set.add(one);
      expect(texts.filter((text) => set.has(text))).toEqual([one]);
    }
  });

  it('counts a text once that is added twice', () => {
    const set = new HolderSet(1);
    set.add('ada');
    set.add('ada');
    expect(set.size).toBe(1);
  });

  it('keeps what it has when room for more is reserved', () => {
    const set = new HolderSet(1);
    for (const text of ['ada', 'bob']) set.add(text);
    set.reserve(100_000);
    expect(['ada', 'bob', 'eve'].filter((text) => set.has(text))).toEqual(['ada', 'bob']);
    expect(set.size).toBe(2);
  });
});
