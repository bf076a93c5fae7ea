// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { StockView } from '../stock/stock-view.ts';
import { couponNotFound } from './coupon.ts';
import { readOverviewWith } from './read-overview.ts';

/** A database whose clock has moved at each read. */
function setup({ exists = true, countMs = 10 } = {}) {
  const database = { clockMs: 1_000, counts: 0 };
  let view: StockView | undefined;
  const readOverview = readOverviewWith({
    views: {
      async read(_name, maxAgeMs) {
        if (!exists) throw couponNotFound();
        database.clockMs += 10;
        if (view === undefined || database.clockMs - view.atMs > maxAgeMs) {
          view = { atMs: database.clockMs } as StockView;
        }
        return { view, ageMs: 0 };
      },
    },
    async countClaims() {
      database.counts += 1;
      // It reaches the database later than a read that is sent at the same time.
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      database.clockMs += countMs;
      return { reserved: 0, confirmed: 0, redeemed: 0, released: 0, atMs: database.clockMs };
    },
    outcomes: {
      async latest() {
        database.clockMs += 10;
        const { clockMs } = database;
        const last = Math.floor(clockMs / 1_000) - 2;
        return new Map([['A', { first: last, last, seconds: [], gaps: [], clockMs }]]);
      },
    },
  });
  return { database, readOverview };
}

describe('the overview of a coupon', () => {
  it.each([10, 2_000])(
    'has no part from after its clock, and a young view, when counting takes %d ms',
    async (countMs) => {
      const { view, claims, clockMs } = await setup({ countMs }).readOverview('A');
      expect(view.atMs).toBeLessThanOrEqual(clockMs);
      expect(claims?.atMs).toBeLessThanOrEqual(clockMs);
      expect(clockMs - view.atMs).toBeLessThanOrEqual(500);
    },
  );

  it('counts nothing for a name that is no coupon', async () => {
    const { database, readOverview } = setup({ exists: false });
    await expect(readOverview('A')).rejects.toMatchObject({ code: 'coupon_not_found' });
    expect(database.counts).toBe(0);
  });
});
