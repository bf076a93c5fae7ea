// SPDX-License-Identifier: GPL-3.0-or-later
import type { SharedStockView, SharedStockViews } from '../../src/core/stock/stock-view.ts';
import type { FixedClock } from './fixed-clock.ts';

type Listener = Parameters<SharedStockViews['subscribe']>[0];

const marksMax = 64;

/** What the nodes of a test share, in memory. Messages arrive after `wayMs`; while it is away they are lost. */
export class SharedStock {
  isAway = false;
  wayMs = 0;
  marks: string[] = [];
  readonly views = new Map<string, SharedStockView>();
  readonly wanted: string[][] = [];
  exchanges = 0;
  private readonly listeners: Listener[] = [];
  private readonly clock: FixedClock;

  constructor(clock: FixedClock) {
    this.clock = clock;
  }

  /** The connection of one node. */
  connect(): SharedStockViews {
    return {
      exchange: async (mark, couponNames) => {
        this.exchanges += 1;
        await this.way();
        if (this.isAway) return undefined;
        if (mark !== undefined) this.marks = [mark, ...this.marks].slice(0, marksMax);
        const { marks } = this;
        const views = couponNames.flatMap((name) => this.views.get(name) ?? []);
        await this.way();
        return { marks, views };
      },
      publish: (shared) => {
        void this.way().then(() => {
          if (this.isAway) return;
          for (const one of shared) {
            this.views.set(one.view.coupon.name, one);
            for (const { onView } of this.listeners) onView(one);
          }
        });
      },
      want: (couponNames) => {
        this.wanted.push([...couponNames]);
        void this.way().then(() => {
          if (this.isAway) return;
          for (const { onWanted } of this.listeners) onWanted(couponNames);
        });
      },
      subscribe: (listener) => void this.listeners.push(listener),
    };
  }

  private way(): Promise<void> {
    return this.wayMs > 0 ? this.clock.sleep(this.wayMs) : Promise.resolve();
  }
}
