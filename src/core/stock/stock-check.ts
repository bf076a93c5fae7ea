// SPDX-License-Identifier: GPL-3.0-or-later

import type { Clock } from '../clock.ts';
import type { Duty } from '../duties/ports.ts';
import { OldestOut } from '../oldest-out.ts';

/** By how many units the records of one coupon disagree. */
export type CouponDifference = { coupon: string; units: number };

/** What one page of the check has found. */
export type CheckedPage<Cursor> = {
  /** Where the next page begins; undefined after the last page. */
  next: Cursor | undefined;
  /** By how many units the rows of the page disagree; 0 if they agree. */
  difference: number;
  /** The first few coupons of the page that differ. A coupon that does not exist is named by its id, as in `#7`. */
  differing: readonly CouponDifference[];
};

/** Coupons of a page, and the units of those that are not archived. */
export type CheckedCoupons = CheckedPage<string> & {
  coupons: number;
  amount: number;
  remaining: number;
};

/** A row of the ledger, at which the next page begins. The ledger is append-only, so the pages before it stay true. */
export type LedgerCursor = {
  couponId: string;
  seq: number;
  /** The batch id of the row: after a failover another row may have its seq. */
  batchId: string | null;
  /** What the pages of this coupon so far have found, as the reader writes it. Null before its first page. */
  carried: string | null;
};

/** Reads pages of the stored records, each in one snapshot. Rejects when the database cannot be read. */
export type StockCheckReader = {
  /** Coupons after an id: their stock is that of their last ledger row, and every claim between their ids is of a coupon. */
  checkCoupons(afterId: string): Promise<CheckedCoupons>;
  /**
   * Ledger rows from one on: each position that they name has one claim, live or released, and no other position has one.
   * Each change that they name is that of a claim, and as many claims are released as units came back.
   */
  checkClaims(from: LedgerCursor): Promise<CheckedPage<LedgerCursor>>;
  /**
   * Ledger rows from one on: `seq` has no gaps, the stock of each row is that of the row before with its own units, and
   * the units that a coupon has offered are its amount.
   */
  checkLedger(from: LedgerCursor): Promise<CheckedPage<LedgerCursor>>;
};

/** What the check has found so far. */
export type StockCheckState = {
  /** Undefined while another process runs the check. */
  found:
    | {
        /** Units of disagreement in the last complete round, or in the current one if there are more. Must be 0. */
        difference: number;
        /** Milliseconds since the end of the last round; before the first, since this process began to check. */
        ageMs: number;
        /** Of the last complete round; undefined before the first. */
        totals: { coupons: number; amount: number; remaining: number } | undefined;
      }
    | undefined;
  /** Pages read, and attempts that failed, since the start. */
  steps: { done: number; failed: number };
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
const firstRow: LedgerCursor = { couponId: '0', seq: 0, batchId: null, carried: null };
// A lasting problem is logged again after this time, so that the end of the log shows it.
const quietMs = 60_000;
const reportedMax = 1000;

/**
 * Compares stock, claims and ledger of all coupons, a bounded page at a time, in rounds without end. Each comparison is
 * made in one snapshot, or with a value that follows from older rows of the append-only ledger. So a running sale never
 * looks like a difference.
 *
 * A complete round without a difference shows that the units offered by the ledger are the amount, that those it counts
 * as left are the stock, that there is one claim for each position that it names, and that as many claims are released as
 * units came back. So the number of live claims is amount minus remaining. Their positions may have gaps.
 *
 * It is a duty: one process at a time reads all records for all of them. It writes nothing.
 */
export class StockCheck implements Duty {
  readonly name = 'stock_check';
  private readonly reader: StockCheckReader;
  private readonly clock: Clock;
  private step: Step;
  private found = 0;
  private totals = { coupons: 0, amount: 0, remaining: 0 };
  private lastRound: { difference: number; totals: StockCheck['totals'] } | undefined;
  private finishedMs = 0;
  private isRunning = false;
  /** The page that is being read. */
  private reading: Promise<void> | undefined;
  private readonly steps = { done: 0, failed: 0 };
  private readonly intervalMs: number;
  private readonly log: StockCheckLog;
  /** When each line was last logged. */
  private readonly reportedAtMs = new OldestOut<number>(reportedMax);

  /** Checks a page every `intervalMs` while it runs. */
  constructor(options: {
    reader: StockCheckReader;
    clock: Clock;
    log: StockCheckLog;
    intervalMs: number;
  }) {
    this.reader = options.reader;
    this.clock = options.clock;
    this.log = options.log;
    this.intervalMs = options.intervalMs;
  }

  /** What the check has found so far. */
  state(): StockCheckState {
    const { isRunning, finishedMs, lastRound } = this;
    return {
      found: isRunning
        ? {
            difference: Math.max(this.found, lastRound?.difference ?? 0),
            ageMs: this.clock.nowMs() - finishedMs,
            totals: lastRound?.totals,
          }
        : undefined,
      steps: { ...this.steps },
    };
  }

  begin(): () => Promise<void> {
    this.isRunning = true;
    this.step = undefined;
    this.found = 0;
    this.lastRound = undefined;
    this.finishedMs = this.clock.nowMs();
    const stopTicking = this.clock.every(this.intervalMs, () => this.tick());
    return async () => {
      stopTicking();
      this.isRunning = false;
      await this.reading;
    };
  }

  private tick(): void {
    this.reading ??= this.checkPage().finally(() => {
      this.reading = undefined;
    });
  }

  /** Checks the next page. A page that cannot be read is read again at the next tick. */
  private async checkPage(): Promise<void> {
    const step = this.step ?? this.beginRound();
    try {
      this.step = await step();
      this.steps.done += 1;
      if (this.step === undefined) this.endRound();
    } catch (error) {
      this.steps.failed += 1;
      this.step = step;
      if (this.shouldReport('failed')) {
        this.log.warn(
          { err: error },
          'a part of the stock could not be checked; it is tried again',
        );
      }
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

  private async checkClaims(from: LedgerCursor): Promise<Step> {
    const page = await this.reader.checkClaims(from);
    const { next } = page;
    this.add('claims', page);
    if (next !== undefined) return () => this.checkClaims(next);
    return () => this.checkLedger(firstRow);
  }

  private async checkLedger(from: LedgerCursor): Promise<Step> {
    const page = await this.reader.checkLedger(from);
    const { next } = page;
    this.add('ledger', page);
    return next && (() => this.checkLedger(next));
  }

  private add(part: Part, { difference, differing }: CheckedPage<unknown>): void {
    this.found += difference;
    if (difference === 0) return;
    const unreported = differing.filter(({ coupon }) => this.shouldReport(`${part} ${coupon}`));
    if (unreported.length === 0) return;
    this.log.error(
      { part, difference, coupons: differing },
      'stock, claims and ledger of these coupons disagree',
    );
  }

  /** Whether to log this now: not within a minute after the last time. The oldest entries are removed first. */
  private shouldReport(what: string): boolean {
    const nowMs = this.clock.nowMs();
    const lastMs = this.reportedAtMs.get(what);
    if (lastMs !== undefined && nowMs - lastMs < quietMs) return false;
    this.reportedAtMs.set(what, nowMs);
    return true;
  }
}
