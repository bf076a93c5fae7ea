// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import type { Duty, Lease } from './ports.ts';
import { createFailureReport, repeat } from './repeat.ts';

/** A coupon whose first open claim is no hold in time: a hold to release, or a claim to pass. */
export type DueCoupon = {
  couponId: string;
  couponName: string;
  /** How long its oldest hold has been expired; 0 if there is only a claim to pass. */
  overdueMs: number;
};

/** Where the count of the open holds goes on. */
export type HoldCursor = { couponId: string; position: number };

/** What a call has released of one coupon, and whether it left more. */
export type SweptCoupon = { couponId: string; released: number; hasMore: boolean };

/** Finds and releases expired holds, each call in one bounded transaction. Rejects as `DutyLeases` does. */
export type ExpirySweepStore = {
  /** The due ones of the next coupons after an id. `next` is the id of the last one read; undefined at the end. */
  findDue(afterId: string): Promise<{ due: DueCoupon[]; next: string | undefined }>;
  /**
   * Releases expired holds among a slice of claims, shared by these coupons. A single coupon is waited for; of several,
   * those that are locked now are left out of the answer. `lease_lost`: nothing was written.
   */
  sweep(lease: Lease, couponIds: readonly string[]): Promise<SweptCoupon[] | 'lease_lost'>;
  /** The open holds of the next claims. `next` is undefined at the end. */
  countHolds(from: HoldCursor): Promise<{ holds: number; next: HoldCursor | undefined }>;
};

/** What the sweep knows. */
export type ExpirySweepState = {
  /** Expired holds that this process has released since its start. */
  released: number;
  /** Undefined while another process runs the duty. */
  current:
    | {
        /** No hold has been waiting for its release longer than this. */
        overdueMs: number;
        /** Holds that were open when they were last counted; undefined before the end of the first count. */
        openHolds: number | undefined;
      }
    | undefined;
};

type Work = {
  lease: Lease;
  stopping: AbortController;
  /** When the last complete look began, and how long holds that it could not release had been expired by then. */
  lookedMs: number;
  overdueMs: number;
  openHolds: number | undefined;
  counting: { from: HoldCursor; holds: number };
};

type Sweep = { ids: ReadonlySet<string>; more: DueCoupon[]; hasFailed: boolean };

const emptySweep: Sweep = { ids: new Set(), more: [], hasFailed: false };

const lookEveryMs = 500;
const couponsAtOnce = 100;
const firstCoupon = '0';
const firstHold: HoldCursor = { couponId: '0', position: 0 };

/**
 * Releases holds that have expired and that no decision has needed, and counts the open ones. It looks for coupons with
 * due holds twice a second and releases them in slices: between two slices the claims of the coupon take their turn.
 */
export class ExpirySweep implements Duty {
  readonly name = 'expiry_sweep';
  private readonly store: ExpirySweepStore;
  private readonly clock: Clock;
  private readonly report: (error: unknown) => void;
  private readonly onReleased: (couponName: string) => void;
  private work: Work | undefined;
  private released = 0;

  constructor(options: {
    store: ExpirySweepStore;
    clock: Clock;
    warn(event: Record<string, unknown>, message: string): void;
    /** Called when holds of a coupon were released. */
    onReleased(couponName: string): void;
  }) {
    this.onReleased = options.onReleased;
    this.store = options.store;
    this.clock = options.clock;
    this.report = createFailureReport({
      ...{ clock: options.clock, warn: options.warn },
      message: 'expired holds could not be released; it is tried again',
    });
  }

  /** What the sweep knows now. */
  state(): ExpirySweepState {
    const { work, released } = this;
    if (work === undefined) return { released, current: undefined };
    const overdueMs = work.overdueMs + this.clock.nowMs() - work.lookedMs;
    return { released, current: { overdueMs, openHolds: work.openHolds } };
  }

  begin(lease: Lease): () => Promise<void> {
    const work: Work = {
      ...{ lease, stopping: new AbortController(), lookedMs: this.clock.nowMs(), overdueMs: 0 },
      ...{ openHolds: undefined, counting: { from: firstHold, holds: 0 } },
    };
    this.work = work;
    const ended = repeat({
      ...{ clock: this.clock, everyMs: lookEveryMs, signal: work.stopping.signal },
      report: this.report,
      look: async () => {
        await this.look(work);
        await this.count(work);
      },
    });
    return async () => {
      work.stopping.abort();
      if (this.work === work) this.work = undefined;
      await ended;
    };
  }

  /** Reads all coupons with holds, and sweeps those that are due. */
  private async look(work: Work): Promise<void> {
    const beganMs = this.clock.nowMs();
    let overdueMs = 0;
    let after: string | undefined = firstCoupon;
    while (after !== undefined) {
      const { due, next }: Awaited<ReturnType<ExpirySweepStore['findDue']>> =
        await this.store.findDue(after);
      after = next;
      const left = await this.sweepAll(work, due);
      if (work.stopping.signal.aborted) return;
      overdueMs = Math.max(overdueMs, ...left.map((coupon) => coupon.overdueMs));
    }
    work.lookedMs = beganMs;
    work.overdueMs = overdueMs;
  }

  /** Sweeps until nothing is due any more. Returns the coupons that could not be swept. */
  private async sweepAll(work: Work, due: readonly DueCoupon[]): Promise<DueCoupon[]> {
    const { signal } = work.stopping;
    const failed: DueCoupon[] = [];
    let left = due;
    while (left.length > 0 && !signal.aborted) {
      const round = left;
      const more: DueCoupon[] = [];
      for (let start = 0; start < round.length && !signal.aborted; start += couponsAtOnce) {
        const coupons = round.slice(start, start + couponsAtOnce);
        const swept = coupons.length > 1 ? await this.sweep(work, coupons) : emptySweep;
        more.push(...swept.more);
        // Those that the sweep left out are locked. Each is waited for alone.
        for (const coupon of coupons.filter(({ couponId }) => !swept.ids.has(couponId))) {
          if (signal.aborted) break;
          const alone = await this.sweep(work, [coupon]);
          more.push(...alone.more);
          if (alone.hasFailed) failed.push(coupon);
        }
      }
      left = more;
    }
    return failed;
  }

  /** Sweeps a slice of these coupons. Returns which were swept, and those of them that have more. */
  private async sweep(work: Work, coupons: readonly DueCoupon[]): Promise<Sweep> {
    try {
      const swept = await this.store.sweep(
        work.lease,
        coupons.map(({ couponId }) => couponId),
      );
      if (swept === 'lease_lost') {
        work.stopping.abort();
        return emptySweep;
      }
      const byId = new Map(swept.map((one) => [one.couponId, one]));
      for (const { released } of swept) this.released += released;
      for (const { couponId, couponName } of coupons) {
        if ((byId.get(couponId)?.released ?? 0) > 0) this.onReleased(couponName);
      }
      return {
        ids: new Set(byId.keys()),
        more: coupons.filter(({ couponId }) => byId.get(couponId)?.hasMore),
        hasFailed: false,
      };
    } catch (error) {
      this.report(error);
      return { ...emptySweep, hasFailed: true };
    }
  }

  /** Counts the open holds of some more claims. */
  private async count(work: Work): Promise<void> {
    if (work.stopping.signal.aborted) return;
    const { holds, next } = await this.store.countHolds(work.counting.from);
    const sum = work.counting.holds + holds;
    if (next === undefined) work.openHolds = sum;
    work.counting = next === undefined ? { from: firstHold, holds: 0 } : { from: next, holds: sum };
  }
}
