// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, expectTypeOf, it } from 'vitest';
import { flag, wholeNumber } from './kinds.ts';
import {
  mapSettings,
  settingsIn,
  settingsWithValues,
  type ValuesOf,
  type VariableOf,
} from './setting-tree.ts';

const tree = {
  stock: { units: wholeNumber({ variable: 'UNITS', default: 5, min: 1, max: 9, help: 'Units.' }) },
  isOpen: flag({ variable: 'OPEN', default: false, help: 'Whether the sale is open.' }),
};

describe('a tree of settings', () => {
  it('gives the configuration the names of the tree and the types of the entries', () => {
    expect(mapSettings(tree, ({ unset }) => unset)).toEqual({ stock: { units: 5 }, isOpen: false });
    expectTypeOf<ValuesOf<typeof tree>>().toEqualTypeOf<{
      stock: { units: number };
      isOpen: boolean;
    }>();
  });

  it('lists the variables of the tree in order', () => {
    expect(settingsIn(tree).map(({ variable }) => variable)).toEqual(['UNITS', 'OPEN']);
    expectTypeOf<VariableOf<typeof tree>>().toEqualTypeOf<'UNITS' | 'OPEN'>();
  });

  it('finds the value of each setting in a configuration', () => {
    const pairs = settingsWithValues(tree, { stock: { units: 7 }, isOpen: true });
    expect(pairs.map(({ setting, value }) => [setting.variable, value])).toEqual([
      ['UNITS', 7],
      ['OPEN', true],
    ]);
  });
});
