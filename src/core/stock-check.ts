// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from './clock.ts';

/** What one page of a check has found. */
export type CheckedPage<Cursor> = {
  /** Where the next page begins; undefined when this was the last. */
  next: Cursor | undefined;
  /** By how many units the rows of the page disagree; 0 when all agree. */
  difference: number;
};

/** Coupons of a page, and the units of them all. */
export type CheckedCoupons = CheckedPage<string> & {
  coupons: number;
  amount: number;
  remaining: number;
};

/** The place of a row in a table that is read in order of coupon and number. */
export type RowCursor = { couponId: string; number: number };

/** Reads pages of what is stored, each in one snapshot. Rejects when the database cannot be read. */
export type StockCheckReader = {
  /** Coupons behind an id: their stock against the last row of their ledger, and against their highest position. */
  checkCoupons(afterId: string): Promise<CheckedCoupons>;
  /** Claims behind a position: positions without a gap. */
  checkClaims(after: RowCursor): Promise<CheckedPage<RowCursor>>;
  /** Rows of the ledger from one on: `seq` without a gap, and each row's stock that of the row before and its units. */
  checkLedger(from: RowCursor): Promise<CheckedPage<RowCursor>>;
};

/** What the check has found. */
export type StockCheckState = {
  /** Units of disagreement of the last whole round, or of the one under way if that is more. Must be 0. */
  difference: number;
  /** Milliseconds since a round was finished; before the first, since the start. */
  ageMs: number;
  /** Of the last whole round; undefined before the first. */
  totals: { coupons: number; amount: number; remaining: number } | undefined;
  /** Pages read, and tries that failed, since the start. */
  steps: { done: number; failed: number };
};

type Step = (() => Promise<Step | undefined>) | undefined;

const firstCoupon = '0';
const firstRow: RowCursor = { couponId: '0', number: 0 };

/**
 * Goes round all that is stored, a bounded page at a time, and tells whether stock, claims and ledger agree. Each
 * comparison lies within one snapshot, so a sale that goes on meanwhile never looks like a difference.
 */
export class StockCheck {
  private readonly reader: StockCheckReader;
  private readonly clock: Clock;
  private step: Step;
  private found = 0;
  private totals = { coupons: 0, amount: 0, remaining: 0 };
  private lastRound: { difference: number; totals: StockCheckState['totals'] } | undefined;
  private finishedMs: number;
  private isBusy = false;
  private readonly steps = { done: 0, failed: 0 };
  private readonly stopTicking: () => void;

  /** Checks a page every `intervalMs`; 0 never checks. */
  constructor(options: { reader: StockCheckReader; clock: Clock; intervalMs: number }) {
    this.reader = options.reader;
    this.clock = options.clock;
    this.finishedMs = options.clock.nowMs();
    this.stopTicking =
      options.intervalMs === 0
        ? () => undefined
        : options.clock.every(options.intervalMs, () => void this.tick());
  }

  /** What it has found until now. */
  state(): StockCheckState {
    return {
      difference: Math.max(this.found, this.lastRound?.difference ?? 0),
      ageMs: this.clock.nowMs() - this.finishedMs,
      totals: this.lastRound?.totals,
      steps: { ...this.steps },
    };
  }

  /** Ends it; a page that is being read is not waited for. */
  stop(): void {
    this.stopTicking();
  }

  /** Checks the next page. A page that cannot be read is tried again at the next tick. */
  private async tick(): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    const step = this.step ?? this.beginRound();
    try {
      this.step = await step();
      this.steps.done += 1;
      if (this.step === undefined) this.endRound();
    } catch {
      this.steps.failed += 1;
      this.step = step;
    } finally {
      this.isBusy = false;
    }
  }

  private beginRound(): NonNullable<Step> {
    this.found = 0;
    this.totals = { coupons: 0, amount: 0, remaining: 0 };
    return () => this.checkCoupons(firstCoupon);
  }

  private endRound(): void {
    this.lastRound = { difference: this.found, totals: this.totals };
    this.found = 0;
    this.finishedMs = this.clock.nowMs();
  }

  private async checkCoupons(afterId: string): Promise<Step> {
    const { next, difference, ...page } = await this.reader.checkCoupons(afterId);
    this.found += difference;
    this.totals.coupons += page.coupons;
    this.totals.amount += page.amount;
    this.totals.remaining += page.remaining;
    if (next !== undefined) return () => this.checkCoupons(next);
    return () => this.checkClaims(firstRow);
  }

  private async checkClaims(after: RowCursor): Promise<Step> {
    const { next, difference } = await this.reader.checkClaims(after);
    this.found += difference;
    if (next !== undefined) return () => this.checkClaims(next);
    return () => this.checkLedger(firstRow);
  }

  private async checkLedger(from: RowCursor): Promise<Step> {
    const { next, difference } = await this.reader.checkLedger(from);
    this.found += difference;
    return next && (() => this.checkLedger(next));
  }
}
