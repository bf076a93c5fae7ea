// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { countDeliveries } from './count-deliveries.ts';
import type { DeliveryResult, DeliverySession, DeliveryStore } from './ports.ts';

it('counts the attempts of stored results, and none under an older epoch', async () => {
  const counts = { delivered: 0, failed: 0, given_up: 0 };
  let isHeld = true;
  const store = countDeliveries({ record: async () => isHeld } as unknown as DeliveryStore, {
    eventSent: (result) => {
      counts[result] += 1;
    },
  });
  const results = (['delivered', 'pending', 'pending', 'given_up'] as const).map(
    (state, index): DeliveryResult => ({
      ...{ couponId: '7', seq: String(index), n: 1, state, dueInMs: 0, status: 204, error: null },
    }),
  );
  const receiver = { failuresInARow: 0, waitsMs: 0, disabledReason: undefined };
  expect(await store.record({} as DeliverySession, results, receiver)).toBe(true);
  expect(counts).toEqual({ delivered: 1, failed: 2, given_up: 1 });
  isHeld = false;
  expect(await store.record({} as DeliverySession, results, receiver)).toBe(false);
  expect(counts).toEqual({ delivered: 1, failed: 2, given_up: 1 });
});
