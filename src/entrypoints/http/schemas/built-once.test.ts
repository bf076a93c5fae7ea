// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { builtOnce } from './built-once.ts';

describe('what is built for a schema', () => {
  it('is built once for schemas with the same text', () => {
    const built: unknown[] = [];
    const build = builtOnce((schema: object) => built.push(schema));
    expect([{ $ref: 'A#' }, { $ref: 'B#' }, { $ref: 'A#' }].map(build)).toEqual([1, 2, 1]);
    expect(built).toEqual([{ $ref: 'A#' }, { $ref: 'B#' }]);
  });

  it('is built again after a failure', () => {
    let isBroken = true;
    const build = builtOnce((_: object) => {
      if (isBroken) throw new Error('broken');
      return 'built';
    });
    expect(() => build({})).toThrow('broken');
    isBroken = false;
    expect(build({})).toBe('built');
  });
});
