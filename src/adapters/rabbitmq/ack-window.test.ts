// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AckWindow } from './ack-window.ts';

it('acknowledges what is settled before the first gap, once', () => {
  const window = new AckWindow();
  expect(window.takeAcknowledgeable()).toBeUndefined();
  window.settle(2);
  window.settle(3);
  expect(window.takeAcknowledgeable()).toBeUndefined();
  window.settle(1);
  expect(window.takeAcknowledgeable()).toBe(3);
  expect(window.takeAcknowledgeable()).toBeUndefined();
  window.settle(5);
  expect(window.takeAcknowledgeable()).toBeUndefined();
  window.settle(4);
  expect(window.takeAcknowledgeable()).toBe(5);
});

it('never acknowledges an unsettled delivery, and in the end all, in any order', () => {
  const order = fc
    .integer({ min: 1, max: 50 })
    .chain((count) => fc.shuffledSubarray(numbersTo(count), { minLength: count }));
  fc.assert(
    fc.property(order, (tags) => {
      const window = new AckWindow();
      const settled = new Set<number>();
      let acknowledged = 0;
      for (const tag of tags) {
        window.settle(tag);
        settled.add(tag);
        acknowledged = window.takeAcknowledgeable() ?? acknowledged;
        expect(numbersTo(acknowledged).every((one) => settled.has(one))).toBe(true);
      }
      expect(acknowledged).toBe(tags.length);
    }),
  );
});

function numbersTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
