// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { stack } from './stack.ts';

type Part = (text: string) => string;

const append =
  (letter: string) =>
  (next: Part): Part =>
  (text) =>
    next(text + letter);

describe('a stack', () => {
  it('calls the last wrapper first, and skips parts that are off', () => {
    const part = stack<Part>((text) => text, [append('a'), undefined, append('b')]);
    expect(part('')).toBe('ba');
  });

  it('is its innermost part when every wrapper is off', () => {
    const part = () => 1;
    expect(stack(part, [undefined])).toBe(part);
  });
});
