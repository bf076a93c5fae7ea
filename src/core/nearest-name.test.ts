// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './nearest-name.ts';

describe('the edit distance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['abcd', 'badc', 2],
    ['abc', 'abcc', 1],
    ['abc', 'ab', 1],
    ['abc', 'xbc', 1],
    ['kitten', 'sitting', 3],
    // A swap of two neighbours allows no insertion between them.
    ['ca', 'abc', 3],
  ])('finds the distance from "%s" to "%s" to be %i in both directions', (from, to, edits) => {
    expect(editDistance(from, to)).toBe(edits);
    expect(editDistance(to, from)).toBe(edits);
  });

  it('computes the distance of the plain definition for random texts', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
    fc.assert(
      fc.property(text, text, (from, to) => {
        expect(editDistance(from, to)).toBe(byDefinition(from, to));
      }),
      { numRuns: 500 },
    );
  });
});

/** The plain definition: tries every first edit. */
function byDefinition(from: string, to: string): number {
  if (from === '' || to === '') return from.length + to.length;
  const rest = (a: number, b: number) => byDefinition(from.slice(a), to.slice(b));
  const ways = [rest(1, 0) + 1, rest(0, 1) + 1, rest(1, 1) + (from[0] === to[0] ? 0 : 1)];
  const isSwap = from.length > 1 && from[0] === to[1] && from[1] === to[0];
  return Math.min(...ways, isSwap ? rest(2, 2) + 1 : Number.POSITIVE_INFINITY);
}

describe('the nearest name', () => {
  const members = ['name', 'amount', 'opens_at', 'closes_at', 'paused', 'add', 'limit'];

  it.each([
    ['open_at', 'opens_at'],
    ['openAt', 'opens_at'],
    ['OPENS-AT', 'opens_at'],
    ['opened at', 'opens_at'],
    ['nmae', 'name'],
    ['Name', 'name'],
    ['ammount', 'amount'],
    ['pause', 'paused'],
    ['is_paused', 'paused'],
    ['adds', 'add'],
    ['limits', 'limit'],
  ])('suggests for %s the name %s', (given, expected) => {
    expect(nearestName(given, members)).toBe(expected);
  });

  it.each([
    '',
    'x',
    'id',
    'and so on',
    'state',
    'page',
    'units',
    'price',
    'опенс',
    'remaining_amount',
  ])('suggests no name for "%s"', (given) => {
    expect(nearestName(given, members)).toBeUndefined();
  });

  it('suggests the most similar name, and of equally similar ones the first', () => {
    expect(nearestName('abcdefg', ['abcdxx', 'abcdef', 'abcdeg'])).toBe('abcdef');
  });

  it('suggests nothing for a text of a million characters', () => {
    expect(nearestName('x'.repeat(1_000_000), members)).toBeUndefined();
  });
});
