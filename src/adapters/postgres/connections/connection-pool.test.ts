// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { spread } from './connection-pool.ts';

it('the lifetime of a connection is a tenth shorter to a tenth longer than what is set', () => {
  expect(spread(1_000, 0)).toBe(900);
  expect(spread(1_000, 0.5)).toBe(1_000);
  expect(spread(1_000, 0.999)).toBeCloseTo(1_100, 0);
});
