// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { StockView } from './stock-view.ts';
import { isNewer, type TimedView } from './timed-view.ts';

/** What a process knows of a coupon, and who is interested. Times are those of its monotonic clock. */
export type KnownView = {
  couponName: string;
  /** The view whose snapshot was taken last for certain. */
  youngest: TimedView | undefined;
  /** The view that the watchers have got last. A little newer than `youngest`, where the age of that one is known better. */
  newest: TimedView | undefined;
  watchers: Set<(view: StockView) => void>;
  /** When it was last read. */
  readAtMs: number;
  /** The lowest age that a read of the present view has accepted; undefined: it was not read. */
  acceptedAgeMs: number | undefined;
  /** Until when another node wants it. */
  wantedUntilMs: number;
  /** When this process has last committed a change of it; undefined: not since it is known. */
  changedAtMs: number | undefined;
  /** When a refresh of it was last started. */
  refreshedAtMs: number;
};

// A coupon that nobody has read for this long is removed.
const unreadMsMax = 60_000;

/** The newest known view of each coupon, and its watchers; at most `viewsMax` besides those that are watched. */
export class KnownViews {
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly viewsMax: number;
  private readonly known = new Map<string, KnownView>();
  private forgottenAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'nowMs'>, viewsMax: number) {
    this.clock = clock;
    this.viewsMax = viewsMax;
  }

  all(): Iterable<KnownView> {
    return this.known.values();
  }

  get(couponName: string): KnownView | undefined {
    return this.known.get(couponName);
  }

  getOrAdd(couponName: string): KnownView {
    const found = this.known.get(couponName);
    if (found !== undefined) return found;
    if (this.known.size >= this.viewsMax) this.removeOne();
    const never = Number.NEGATIVE_INFINITY;
    const added: KnownView = {
      ...{ couponName, youngest: undefined, newest: undefined, watchers: new Set() },
      ...{ readAtMs: this.clock.nowMs(), acceptedAgeMs: undefined },
      ...{ wantedUntilMs: never, changedAtMs: undefined },
      refreshedAtMs: never,
    };
    this.known.set(couponName, added);
    return added;
  }

  /** The youngest view, unless it is from before the last `forgetAll`. */
  viewOf(known: KnownView | undefined): TimedView | undefined {
    return this.unlessForgotten(known?.youngest);
  }

  /** Keeps a view if it is younger than the known one, and gives it to the watchers if it is newer than their last one. */
  learn(next: TimedView): void {
    if (next.afterMs <= this.forgottenAtMs) return;
    const known = this.getOrAdd(next.view.coupon.name);
    const youngest = this.unlessForgotten(known.youngest);
    if (youngest === undefined || next.afterMs > youngest.afterMs) {
      known.youngest = next;
      known.acceptedAgeMs = undefined;
    }
    if (!isNewer(next, this.unlessForgotten(known.newest))) return;
    known.newest = next;
    for (const onView of known.watchers) onView(next.view);
  }

  /** Forgets all views; the watchers stay. Costs little, however many there are. */
  forgetAll(): void {
    this.forgottenAtMs = this.clock.nowMs();
  }

  /** Removes the coupons in which nobody is interested any more. */
  removeUnread(): void {
    const nowMs = this.clock.nowMs();
    for (const [name, { watchers, readAtMs, wantedUntilMs }] of this.known) {
      const isUnread = readAtMs < nowMs - unreadMsMax && wantedUntilMs < nowMs;
      if (watchers.size === 0 && isUnread) this.known.delete(name);
    }
  }

  private unlessForgotten(timed: TimedView | undefined): TimedView | undefined {
    return timed !== undefined && timed.afterMs > this.forgottenAtMs ? timed : undefined;
  }

  private removeOne(): void {
    for (const [name, { watchers }] of this.known) {
      if (watchers.size > 0) continue;
      this.known.delete(name);
      return;
    }
  }
}
