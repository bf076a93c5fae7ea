// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { withJitter } from './connection-pool.ts';

it('withJitter makes the lifetime of a connection up to a tenth shorter or longer', () => {
  expect(withJitter(1_000, 0)).toBe(900);
  expect(withJitter(1_000, 0.5)).toBe(1_000);
  expect(withJitter(1_000, 0.999)).toBeCloseTo(1_100, 0);
});
