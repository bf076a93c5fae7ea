// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

/** By how many units the records of one coupon disagree. */
export type CouponDifference = { coupon: string; units: number };

/** What one page of a check has found. */
export type CheckedPage<Cursor> = {
  /** Where the next page begins; undefined when this was the last. */
  next: Cursor | undefined;
  /** By how many units the rows of the page disagree; 0 when all agree. */
  difference: number;
  /** Whose rows they are: the first few coupons of the page. A coupon that is gone is named by its id, as in `#7`. */
  differing: readonly CouponDifference[];
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
  /** Pages read, and tries that failed, since the start; undefined where it is switched off. */
  steps: { done: number; failed: number } | undefined;
};

/** Where the check reports what an operator should know. */
export type StockCheckLog = {
  error(event: Record<string, unknown>, message: string): void;
  warn(event: Record<string, unknown>, message: string): void;
};

/** What a page compares, as the log names it. */
type Part = 'coupons' | 'claims' | 'ledger';

type Step = (() => Promise<Step | undefined>) | undefined;

const firstCoupon = '0';
const firstRow: RowCursor = { couponId: '0', number: 0 };
// What lasts is told again after this time, so that a look at the end of the log is enough.
const quietMs = 60_000;
const toldMax = 1000;

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
  private readonly isOn: boolean;
  private readonly log: StockCheckLog;
  /** When a line was last written, by what it told. */
  private readonly reportedAtMs = new Map<string, number>();
  private readonly stopTicking: () => void;

  /** Checks a page every `intervalMs`; 0 never checks. */
  constructor(options: {
    reader: StockCheckReader;
    clock: Clock;
    log: StockCheckLog;
    intervalMs: number;
  }) {
    this.reader = options.reader;
    this.clock = options.clock;
    this.log = options.log;
    this.finishedMs = options.clock.nowMs();
    this.isOn = options.intervalMs > 0;
    this.stopTicking = this.isOn
      ? options.clock.every(options.intervalMs, () => void this.tick())
      : () => undefined;
  }

  /** What it has found until now. */
  state(): StockCheckState {
    return {
      difference: Math.max(this.found, this.lastRound?.difference ?? 0),
      ageMs: this.clock.nowMs() - this.finishedMs,
      totals: this.lastRound?.totals,
      steps: this.isOn ? { ...this.steps } : undefined,
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
    } catch (error) {
      this.steps.failed += 1;
      this.step = step;
      if (this.isNews('failed')) {
        this.log.warn(
          { err: error },
          'a part of the stock could not be checked; it is tried again',
        );
      }
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
    const page = await this.reader.checkCoupons(afterId);
    const { next } = page;
    this.add('coupons', page);
    this.totals.coupons += page.coupons;
    this.totals.amount += page.amount;
    this.totals.remaining += page.remaining;
    if (next !== undefined) return () => this.checkCoupons(next);
    return () => this.checkClaims(firstRow);
  }

  private async checkClaims(after: RowCursor): Promise<Step> {
    const page = await this.reader.checkClaims(after);
    const { next } = page;
    this.add('claims', page);
    if (next !== undefined) return () => this.checkClaims(next);
    return () => this.checkLedger(firstRow);
  }

  private async checkLedger(from: RowCursor): Promise<Step> {
    const page = await this.reader.checkLedger(from);
    const { next } = page;
    this.add('ledger', page);
    return next && (() => this.checkLedger(next));
  }

  private add(part: Part, { difference, differing }: CheckedPage<unknown>): void {
    this.found += difference;
    if (difference === 0) return;
    const news = differing.filter(({ coupon }) => this.isNews(`${part} ${coupon}`));
    if (news.length === 0) return;
    this.log.error(
      { part, difference, coupons: differing },
      'stock, claims and ledger of these coupons disagree',
    );
  }

  /** Whether a line on this is due. It then counts as written; what was told long ago is forgotten first. */
  private isNews(what: string): boolean {
    const nowMs = this.clock.nowMs();
    const lastMs = this.reportedAtMs.get(what);
    if (lastMs !== undefined && nowMs - lastMs < quietMs) return false;
    this.reportedAtMs.delete(what);
    this.reportedAtMs.set(what, nowMs);
    for (const oldest of this.reportedAtMs.keys()) {
      if (this.reportedAtMs.size <= toldMax) break;
      this.reportedAtMs.delete(oldest);
    }
    return true;
  }
}
