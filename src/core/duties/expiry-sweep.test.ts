// SPDX-License-Identifier: GPL-3.0-or-later
import { expect, it } from 'vitest';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { ExpirySweep, type ExpirySweepStore, type SweptCoupon } from './expiry-sweep.ts';

const lease = { duty: 'expiry_sweep', epoch: '3' } as const;

/** Due holds by coupon. A call releases one of each, or two of a single coupon; `locked` ones are skipped or fail alone. */
function sweeping(due: Record<string, number>, locked: string[] = []) {
  const clock = new FixedClock();
  const calls: string[] = [];
  const lines: string[] = [];
  const released: string[] = [];
  let isLost = false;
  const store: ExpirySweepStore = {
    async findDue(afterId) {
      const ids = Object.keys(due).filter((id) => id > afterId);
      const page = ids.slice(0, 3);
      return {
        due: page
          .filter((id) => due[id] !== 0)
          .map((couponId) => ({
            ...{ couponId, couponName: `C${couponId}`, overdueMs: 1_000 * Number(couponId) },
          })),
        next: ids.length > 3 ? page.at(-1) : undefined,
      };
    },
    async sweep({ epoch }, couponIds) {
      calls.push(`${epoch}: ${couponIds.join(' ')}`);
      if (isLost) return 'lease_lost';
      const [only, ...others] = couponIds;
      if (only !== undefined && others.length === 0 && locked.includes(only)) {
        throw new Error('locked');
      }
      const swept: SweptCoupon[] = [];
      for (const couponId of couponIds) {
        if (locked.includes(couponId)) continue;
        const released = Math.min(others.length > 0 ? 1 : 2, due[couponId] ?? 0);
        due[couponId] = (due[couponId] ?? 0) - released;
        swept.push({ couponId, released, hasMore: due[couponId] > 0 });
      }
      return swept;
    },
    async countHolds({ position }) {
      return {
        holds: 10,
        next: position < 2 ? { couponId: '1', position: position + 1 } : undefined,
      };
    },
  };
  const sweep = new ExpirySweep({
    ...{ store, clock, warn: (_, message) => lines.push(message) },
    onReleased: (couponName) => released.push(couponName),
  });
  return { sweep, clock, calls, lines, released, due, lose: () => (isLost = true) };
}

it('sweeps several coupons together, in rounds until nothing is due', async () => {
  const { sweep, clock, calls, due, released } = sweeping({ 1: 1, 2: 5, 3: 2 });
  sweep.begin(lease);
  await clock.advance(100);
  expect(due).toEqual({ 1: 0, 2: 0, 3: 0 });
  expect(calls).toEqual(['3: 1 2 3', '3: 2 3', '3: 2', '3: 2']);
  expect(sweep.state().released).toBe(8);
  expect(released).toEqual(['C1', 'C2', 'C3', 'C2', 'C3', 'C2', 'C2']);
});

it('looks twice a second, page by page, and calls nothing when nothing is due', async () => {
  const { sweep, clock, calls, due } = sweeping({ 1: 0, 2: 0, 3: 0, 4: 1 });
  sweep.begin(lease);
  await clock.advance(100);
  expect(calls).toEqual(['3: 4']);
  due[2] = 1;
  await clock.advance(500);
  expect(calls).toEqual(['3: 4', '3: 2']);
});

it('sweeps the other coupons while one is locked, and shows how long its holds are overdue', async () => {
  const { sweep, clock, due, lines } = sweeping({ 1: 3, 2: 3, 3: 3 }, ['2']);
  sweep.begin(lease);
  await clock.advance(100);
  expect(due).toEqual({ 1: 0, 2: 3, 3: 0 });
  expect(sweep.state().current?.overdueMs).toBe(2_100);
  expect(lines).toEqual(['expired holds could not be released; it is tried again']);
});

it('shows that holds may be overdue while it cannot look for them', async () => {
  const { sweep, clock } = sweeping({});
  Object.assign(sweep, { store: { findDue: () => Promise.reject(new Error('away')) } });
  sweep.begin(lease);
  await clock.advance(7_000);
  expect(sweep.state().current?.overdueMs).toBe(7_000);
});

it('calls nothing more after its lease was lost', async () => {
  const { sweep, clock, calls, lose } = sweeping({ 1: 9 });
  lose();
  const end = sweep.begin(lease);
  await clock.advance(10_000);
  expect(calls).toEqual(['3: 1']);
  await end();
  expect(sweep.state()).toEqual({ released: 0, current: undefined });
});

it('ends after the call that is under way, and begins anew under the next lease', async () => {
  const { sweep, clock, calls, due } = sweeping({ 1: 9 });
  const end = sweep.begin(lease);
  await end();
  expect(due[1]).toBeGreaterThan(0);
  const callsBefore = calls.length;
  await clock.advance(5_000);
  expect(calls).toHaveLength(callsBefore);
  sweep.begin({ ...lease, epoch: '4' });
  await clock.advance(100);
  expect(due[1]).toBe(0);
  expect(calls.at(-1)).toBe('4: 1');
});

it('shows the open holds after it has counted all of them', async () => {
  const { sweep, clock } = sweeping({});
  sweep.begin(lease);
  await clock.advance(900);
  expect(sweep.state().current?.openHolds).toBeUndefined();
  await clock.advance(200);
  expect(sweep.state().current?.openHolds).toBe(30);
});
