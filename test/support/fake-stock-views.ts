// SPDX-License-Identifier: GPL-3.0-or-later
import { type Coupon, couponDefaults, couponNotFound } from '../../src/core/coupons/coupon.ts';
import type { AgedStockView, StockView, StockViews } from '../../src/core/stock/stock-view.ts';

let lastAtMs = 1_000_000;

/** A view of an open coupon of 100 units. Each is newer than the one before, unless `atMs` is given. */
export function aStockView({
  atMs,
  ...fields
}: Partial<Coupon> & { name: string; atMs?: number }): StockView {
  lastAtMs += 1;
  const coupon: Coupon = {
    ...{
      id: '1',
      amount: 100,
      remainingAmount: 100,
      state: 'open',
      paused: false,
      archived: false,
    },
    ...{ opensAt: null, closesAt: null, ...couponDefaults, ...fields },
  };
  return { coupon, atMs: atMs ?? lastAtMs };
}

/** Views that a test sets. */
export class FakeStockViews implements StockViews {
  /** Reads that asked for a view of this moment. */
  freshReads = 0;
  private readonly views = new Map<string, StockView>();
  private readonly watchers = new Map<string, Set<(view: StockView) => void>>();
  private held: Promise<StockView> | undefined;

  async read(couponName: string, maxAgeMs: number): Promise<AgedStockView> {
    if (maxAgeMs === 0) this.freshReads += 1;
    const view = await (this.held ?? this.views.get(couponName));
    if (view === undefined) throw couponNotFound();
    return { view, ageMs: 0 };
  }

  watch(couponName: string, onView: (view: StockView) => void): () => void {
    const watchers = this.watchers.get(couponName) ?? new Set();
    this.watchers.set(couponName, watchers.add(onView));
    return () => watchers.delete(onView);
  }

  changed(): void {}

  /** The number of watches. */
  get watched(): number {
    return [...this.watchers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Makes this the newest view of its coupon. */
  set(view: StockView): void {
    this.views.set(view.coupon.name, view);
    this.announce(view);
  }

  /** Passes a view to those that watch its coupon. */
  announce(view: StockView): void {
    for (const onView of this.watchers.get(view.coupon.name) ?? []) onView(view);
  }

  /** Lets the reads from now on wait, until the returned function answers them. */
  holdReads(): (view: StockView) => void {
    let answer: (view: StockView) => void = () => undefined;
    this.held = new Promise((resolve) => {
      answer = resolve;
    });
    return (view) => {
      this.held = undefined;
      answer(view);
    };
  }
}
