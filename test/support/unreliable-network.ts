// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  StockNotification,
  StockNotifications,
} from '../../src/core/stock/stock-notifications.ts';
import type { FixedClock } from './fixed-clock.ts';

/** Carries notifications late, not at all, twice and out of order. */
export class UnreliableNetwork {
  /** Notifications that have arrived. */
  delivered = 0;
  private readonly listeners: ((notification: StockNotification) => void)[] = [];
  private readonly time: FixedClock;
  private readonly random: () => number;

  private readonly couponName: string;

  constructor(couponName: string, time: FixedClock, random: () => number) {
    this.couponName = couponName;
    this.time = time;
    this.random = random;
  }

  /** Another process. */
  join(): StockNotifications {
    const own = this.listeners.length;
    return {
      send: (notification) => {
        for (const [index] of this.listeners.entries()) {
          if (index !== own) this.carry(notification, index);
        }
      },
      subscribe: (listener) => this.listeners.push(listener),
    };
  }

  /** Sends a random notification to a random process. */
  sendForNoReason(): void {
    const kind = this.random() < 0.5 ? 'sold_out' : 'units_back';
    this.carry(
      { kind, couponName: this.couponName },
      Math.floor(this.random() * this.listeners.length),
    );
  }

  private carry(notification: StockNotification, to: number): void {
    const chance = this.random();
    const copies = chance < 0.2 ? 0 : chance < 0.4 ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = this.random() < 0.3 ? this.random() * 3_000 : this.random() * 10;
      void this.time.sleep(delayMs).then(() => {
        this.delivered += 1;
        this.listeners[to]?.(notification);
      });
    }
  }
}
