// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon } from '../../src/core/coupons/coupon.ts';
import { couponDefaults } from '../../src/core/coupons/coupon.ts';
import type { AppError } from '../../src/core/errors.ts';
import type { StockView, StockViewReader } from '../../src/core/stock/stock-view.ts';
import type { FixedClock } from './fixed-clock.ts';

/** A coupon with this number of remaining units, of a thousand. */
export function aCoupon(name: string, remainingAmount: number): Coupon {
  return {
    ...{ id: name, name, amount: 1_000, remainingAmount, state: 'open', opensAt: null },
    ...{ closesAt: null, paused: false, archived: false, ...couponDefaults },
  };
}

/** A database of coupons whose clock a test sets, and that remembers when each number of units was the current one. */
export class StockDatabase implements StockViewReader {
  /** How far its clock is ahead of that of the test. */
  clockAheadMs = 1_700_000_000_000;
  /** How long a query takes to arrive, and its answer to come back. */
  wayMs = { there: 0, back: 0 };
  isAway = false;
  /** Set while it must not be used. */
  refusal: AppError | undefined;
  readonly queries: string[][] = [];
  private readonly clock: FixedClock;
  private readonly changes = new Map<string, { remaining: number; atMs: number }[]>();

  constructor(clock: FixedClock) {
    this.clock = clock;
  }

  /** Commits a change. Each number of units of a coupon must differ from all before. */
  commit(name: string, remaining: number): void {
    const changes = this.changes.get(name) ?? [];
    changes.push({ remaining, atMs: this.clock.nowMs() });
    this.changes.set(name, changes);
  }

  /** How long ago this number of units was the current one for the last time; 0 while it is. */
  ageOf({ coupon: { name, remainingAmount } }: StockView): number {
    const changes = this.changes.get(name) ?? [];
    const index = changes.findIndex(({ remaining }) => remaining === remainingAmount);
    if (index < 0) throw new Error(`${name} never had ${remainingAmount} units`);
    const next = changes[index + 1];
    return next === undefined ? 0 : this.clock.nowMs() - next.atMs;
  }

  whyRefused(): AppError | undefined {
    return this.refusal;
  }

  async readStockViews(names: readonly string[]): Promise<ReadonlyMap<string, StockView>> {
    this.queries.push([...names]);
    if (this.wayMs.there > 0) await this.clock.sleep(this.wayMs.there);
    if (this.isAway) throw new Error('the database is away');
    const views = new Map<string, StockView>();
    for (const name of names) {
      const last = this.changes.get(name)?.at(-1);
      if (last === undefined) continue;
      const atMs = this.clock.nowMs() + this.clockAheadMs;
      views.set(name, { coupon: aCoupon(name, last.remaining), atMs });
    }
    if (this.wayMs.back > 0) await this.clock.sleep(this.wayMs.back);
    return views;
  }
}
