// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { preferenceOf } from './prefer.ts';

describe('Prefer', () => {
  it.each([
    [undefined, 5_000, undefined],
    ['wait=10', 10_000, 'wait=10'],
    ['wait=0', 0, 'wait=0'],
    ['wait=20', 20_000, 'wait=20'],
    ['wait=007', 7_000, 'wait=7'],
    ['respond-async', 0, 'respond-async'],
    ['Respond-Async', 0, 'respond-async'],
    ['respond-async, wait=3', 3_000, 'respond-async, wait=3'],
    ['wait=3,respond-async', 3_000, 'respond-async, wait=3'],
    ['WAIT = "3"', 3_000, 'wait=3'],
    ['wait=3; foo="bar", handling=lenient', 3_000, 'wait=3'],
    ['respond-async=""', 0, 'respond-async'],
  ])('%s waits %i ms and applies %s', (prefer, waitMs, applied) => {
    expect(preferenceOf(prefer)).toEqual({ waitMs, applied });
  });

  it.each([
    ['above the longest wait', 'wait=21'],
    ['far above it', 'wait=99999999999999999999'],
    ['negative', 'wait=-1'],
    ['a fraction', 'wait=1.5'],
    ['empty', 'wait='],
    ['without a value', 'wait'],
    ['not closed', 'wait="3'],
    ['text', 'wait=soon'],
    ['something else', 'return=minimal'],
    ['nothing', ''],
  ])('a wait that is %s is ignored', (_, prefer) => {
    expect(preferenceOf(prefer)).toEqual({ waitMs: 5_000, applied: undefined });
  });

  it('respond-async counts where the wait beside it is invalid', () => {
    expect(preferenceOf('wait=21, respond-async')).toEqual({ waitMs: 0, applied: 'respond-async' });
  });

  it('of a preference that stands twice the first one counts', () => {
    expect(preferenceOf('wait=2, wait=9').waitMs).toBe(2_000);
    expect(preferenceOf(['wait=2', 'wait=9']).waitMs).toBe(2_000);
  });
});
