// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { OldestOut } from '../oldest-out.ts';
import type { CouponPage, CouponQuery } from './ports.ts';

/** A page, and how old it is at most, in milliseconds; 0 if it was read after the call. */
export type AgedCouponPage = { page: CouponPage; ageMs: number };

/** A page, and when its query was sent, by the monotonic clock of this process. */
type TimedPage = { page: CouponPage; afterMs: number };

// Pages of a thousand coupons with long descriptions take some 100 MB together, usual ones 3 MB.
const pagesMax = 32;

/**
 * Pages of the list of coupons, for readers who accept one that is a little old. A page is the result of one query, so it is
 * one committed snapshot. Its age is measured from the moment its query was sent. Readers of the same page share a query.
 */
export class CouponPageCache {
  private readonly listCoupons: (query: CouponQuery) => Promise<CouponPage>;
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly pages = new OldestOut<TimedPage>(pagesMax);
  /** The queries that are under way. */
  private readonly loads = new Map<string, Promise<TimedPage>>();
  private forgottenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    listCoupons(query: CouponQuery): Promise<CouponPage>;
    clock: Pick<Clock, 'nowMs'>;
  }) {
    this.listCoupons = options.listCoupons;
    this.clock = options.clock;
  }

  /** A page that is at most `maxAgeMs` old. Rejects with an `AppError` when the database cannot be read. */
  async list(query: CouponQuery, maxAgeMs: number): Promise<AgedCouponPage> {
    const arrivedMs = this.clock.nowMs();
    const key = keyOf(query);
    let timed = this.pages.get(key);
    while (timed === undefined || !this.isAccepted(timed, maxAgeMs, arrivedMs)) {
      timed = await (this.loads.get(key) ?? this.load(key, query));
    }
    const { page, afterMs } = timed;
    return { page, ageMs: afterMs >= arrivedMs ? 0 : this.clock.nowMs() - afterMs };
  }

  /** Forgets all pages when another server may have taken over, also those of queries that are under way. */
  forgetAll(): void {
    this.forgottenAtMs = this.clock.nowMs();
  }

  /** Whether it is young enough, or was read after the reader arrived. */
  private isAccepted({ afterMs }: TimedPage, maxAgeMs: number, arrivedMs: number): boolean {
    if (afterMs >= arrivedMs) return true;
    return afterMs > this.forgottenAtMs && this.clock.nowMs() - afterMs <= maxAgeMs;
  }

  private load(key: string, query: CouponQuery): Promise<TimedPage> {
    const afterMs = this.clock.nowMs();
    const load = this.listCoupons(query)
      .then((page) => {
        const timed = { page, afterMs };
        this.pages.set(key, timed);
        return timed;
      })
      .finally(() => this.loads.delete(key));
    this.loads.set(key, load);
    return load;
  }
}

function keyOf({ cursor, limit, order, archived, state, namePrefix }: CouponQuery): string {
  return JSON.stringify([cursor, limit, order, archived, state, namePrefix]);
}
