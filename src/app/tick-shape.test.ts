// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { keepTickShape } from './tick-shape.ts';

it('keeps an object like those of process.nextTick, with its symbols', async () => {
  const kept = keepTickShape();
  expect(Object.keys(kept ?? {})).toEqual(['callback', 'args']);
  expect(Object.getOwnPropertySymbols(kept).length).toBeGreaterThanOrEqual(2);
  const ticked: string[] = [];
  await new Promise<void>((resolve) => process.nextTick(() => resolve(void ticked.push('tick'))));
  expect(ticked).toEqual(['tick']);
  expect(keepTickShape()).not.toBe(kept);
});
