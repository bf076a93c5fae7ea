// SPDX-License-Identifier: GPL-3.0-or-later
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { turnClock } from './turn-clock.ts';

it('the turn clock returns one time in a turn of the event loop and a later one in the next', async () => {
  const nowMs = turnClock();
  const before = performance.now();
  const first = nowMs();
  expect(first).toBeGreaterThanOrEqual(before);
  while (performance.now() === first);
  expect(nowMs()).toBe(first);
  await nextTurn();
  expect(nowMs()).toBeGreaterThan(first);
});
