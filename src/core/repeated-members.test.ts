// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersInText, membersInValue, repeatedMember } from './repeated-members.ts';

/** A JSON value whose objects may repeat members. */
type Tree = { members: [string, Tree][] } | { items: Tree[] } | { scalar: string | number | null };

// Few names, so that they repeat. Many of them look like structure to a careless count.
const names = ['a', 'b', '', ':', '"', '\\', '\\"', '{', '}', '[', ',', 'é', '🎟', '"a":', ' '];
const name = fc.constantFrom(...names, 'toString', 'constructor', 'hasOwnProperty');

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ scalar: fc.oneof(name, fc.string(), fc.integer(), fc.constant(null)) }),
    fc.record({ members: fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }) }),
    fc.record({ items: fc.array(tie('tree'), { maxLength: 3 }) }),
  ),
}));

/** The style of a text: the numbers decide each choice in turn, again and again. */
const style = fc.array(fc.nat(15), { minLength: 1, maxLength: 50 });

/** Writes a tree as JSON, with white space and escapes in the given style. */
function toText(value: Tree, choices: readonly number[]): string {
  let count = 0;
  const choose = () => choices[count++ % choices.length] ?? 0;
  const space = () => ['', '', '', ' ', '\n\t', '\r'][choose()] ?? '';
  const quoted = (text: string) => {
    const units = text.split('').map((unit) => {
      const code = unit.charCodeAt(0).toString(16).padStart(4, '0');
      return choose() > 11 ? `\\u${code}` : JSON.stringify(unit).slice(1, -1);
    });
    return `"${units.join('')}"`;
  };
  const write = (one: Tree): string => {
    if ('scalar' in one)
      return typeof one.scalar === 'string' ? quoted(one.scalar) : `${one.scalar}`;
    const [open, close] = 'items' in one ? '[]' : '{}';
    const items =
      'items' in one
        ? one.items.map(write)
        : one.members.map(([key, inner]) => `${quoted(key)}${space()}:${space()}${write(inner)}`);
    return `${open}${space()}${items.join(`${space()},${space()}`)}${space()}${close}`;
  };
  return `${space()}${write(value)}${space()}`;
}

/** The slow reference: reads the tree that the text was written from, never the text. */
function repeatedIn(value: Tree): string[] {
  if ('scalar' in value) return [];
  if ('items' in value) return value.items.flatMap(repeatedIn);
  const keys = value.members.map(([key]) => key);
  const repeated = keys.filter((key, index) => keys.indexOf(key) !== index);
  return [...repeated, ...value.members.flatMap(([, inner]) => repeatedIn(inner))];
}

function membersIn(value: Tree): number {
  if ('scalar' in value) return 0;
  const inner = 'items' in value ? value.items : value.members.map(([, one]) => one);
  const own = 'members' in value ? value.members.length : 0;
  return inner.reduce((sum, one) => sum + membersIn(one), own);
}

describe('the members of a JSON text', () => {
  it('members of a text are counted correctly with any strings, escapes and white space', () => {
    fc.assert(
      fc.property(tree, style, (value, choices) => {
        expect(membersInText(toText(value, choices))).toBe(membersIn(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it('a text has more members than its value exactly if one is repeated, at any depth', () => {
    let repeating = 0;
    fc.assert(
      fc.property(tree, style, (value, choices) => {
        const text = toText(value, choices);
        const repeated = repeatedIn(value);
        const inValue = membersInValue(JSON.parse(text), 100);
        expect(membersInText(text) > inValue).toBe(repeated.length > 0);
        expect(membersInText(text) < inValue).toBe(false);
        if (repeated.length > 0) repeating += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(repeating).toBeGreaterThan(100);
  });

  it('a repeated member is found and named without escapes', () => {
    fc.assert(
      fc.property(tree, style, (value, choices) => {
        const found = repeatedMember(toText(value, choices));
        const repeated = repeatedIn(value);
        if (found === undefined) expect(repeated).toEqual([]);
        else expect(repeated).toContain(found);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"\\u0061":1}', 'a'],
    ['{"":1,"":1}', ''],
    ['[{"a":{"b":1}},{"a":[],"b":{}},{"b":1,"c":[{"b":1}],"b":1}]', 'b'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"toString":1}', undefined],
    ['{"a":"\\"a\\":","b":"{\\"b\\":1,\\"b\\":1}"}', undefined],
    ['"a"', undefined],
  ])('the text %s repeats the member %s', (text, expected) => {
    expect(repeatedMember(text)).toBe(expected);
  });
});

describe('the members of a value', () => {
  it('members below the maximum depth are not counted', () => {
    const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    expect(membersInValue(nested(8), 8)).toBe(8);
    expect(membersInValue(nested(9), 8)).toBeNaN();
    expect(membersInValue(nested(5_000), 8)).toBeNaN();
    expect(membersInValue([[[]]], 3)).toBe(0);
    expect(membersInValue([1, [[[]]], 2], 3)).toBeNaN();
    expect(membersInValue('text', 0)).toBe(0);
  });
});
