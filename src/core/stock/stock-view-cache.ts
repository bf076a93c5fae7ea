// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { couponNotFound } from '../coupons/coupon.ts';
import { SharedRead } from '../shared-read.ts';
import { DueViews } from './due-views.ts';
import { type KnownView, KnownViews } from './known-views.ts';
import { ReadMarks } from './read-marks.ts';
import {
  type AgedStockView,
  type SharedStockView,
  type SharedStockViews,
  type StockView,
  type StockViewMetrics,
  type StockViewReader,
  type StockViews,
  wantedMs,
} from './stock-view.ts';
import type { TimedView } from './timed-view.ts';

/** What the cache works with. */
export type StockViewCacheOptions = {
  reader: StockViewReader;
  /** Undefined: every view comes from this process or from the database. */
  shared?: SharedStockViews | undefined;
  clock: Clock;
  metrics: StockViewMetrics;
  /** Different in each process, also after a restart. */
  processId: string;
  /** Readers that may wait; one more gets `overloaded`. */
  waitingMax: number;
  /** A random number from 0 up to 1. */
  random(): number;
};

const tickMs = 100;
// Marks that come faster would push those of other nodes out of what they share.
const marksMsMin = 80;
const wantEveryMs = 2_000;
const sweepMs = 15_000;
const namesPerQueryMax = 100;
const namesPerExchangeMax = 500;
const viewsMax = 5_000;

/**
 * Keeps views of coupons for readers who accept one that is a little old, and brings new ones to those who watch a coupon. A
 * view comes from the memory of this process, from other nodes or, if none of these is young enough, from the database:
 * then readers share the query, and the other nodes get what it has read.
 *
 * Ages are measured with the monotonic clock of this process alone: from the moment a query was sent or, for a view of
 * another node, from a moment before its query was sent (`ReadMarks`). So a view is never older than its age, whatever
 * happens to other clocks, to the nodes and to what they share.
 *
 * Changes that this process commits refresh the views in which someone is interested, shortly after the commit, and several
 * changes of a coupon together.
 */
export class StockViewCache implements StockViews {
  private readonly options: StockViewCacheOptions;
  private readonly known: KnownViews;
  private readonly due: DueViews;
  private readonly marks: ReadMarks;
  /** The marks that were received last, and so before any query that is sent from now on. */
  private receivedMarks: readonly string[] = [];
  private readonly fromDatabase: SharedRead<TimedView>;
  private readonly fromOthers: SharedRead<true>;
  private readonly wanted = new Map<string, number>();
  private wantedAtMs = Number.NEGATIVE_INFINITY;
  private markedAtMs = Number.NEGATIVE_INFINITY;
  private isTicking = false;
  private readonly stopTimers: readonly (() => void)[];

  constructor(options: StockViewCacheOptions) {
    this.options = options;
    const { clock, shared, waitingMax: readersMax } = options;
    this.known = new KnownViews(clock, viewsMax);
    this.due = new DueViews({ ...options, known: this.known, isShared: shared !== undefined });
    this.marks = new ReadMarks(clock, options.processId);
    this.fromDatabase = new SharedRead<TimedView>({
      load: (names) => this.query(names),
      ...{ keysMax: namesPerQueryMax, readersMax },
    });
    this.fromOthers = new SharedRead<true>({
      load: (names) => this.exchange(names),
      ...{ keysMax: namesPerQueryMax, readersMax },
    });
    shared?.subscribe({
      onView: (view) => {
        if (this.known.get(view.view.coupon.name) !== undefined) this.learnShared(view);
      },
      onWanted: (names) => this.addWanted(names),
    });
    this.stopTimers = [
      clock.every(tickMs, () => void this.tick()),
      clock.every(sweepMs, () => this.sweep()),
    ];
  }

  read(couponName: string, maxAgeMs: number): Promise<AgedStockView> {
    // Other nodes may share views that they read before the database was lost or replaced.
    const refusal = this.options.reader.whyRefused();
    if (refusal !== undefined) return Promise.reject(refusal);
    const arrivedMs = this.options.clock.nowMs();
    const known = this.known.get(couponName);
    const timed = this.known.viewOf(known);
    if (known === undefined || timed === undefined || arrivedMs - timed.afterMs > maxAgeMs) {
      return this.readNewer(couponName, maxAgeMs, arrivedMs);
    }
    this.due.read(known, maxAgeMs, arrivedMs);
    const ageMs = arrivedMs - timed.afterMs;
    this.options.metrics.viewRead('process', ageMs);
    return Promise.resolve({ view: timed.view, ageMs });
  }

  watch(couponName: string, onView: (view: StockView) => void): () => void {
    const known = this.known.getOrAdd(couponName);
    // A function of its own for each watcher: the same one may watch twice.
    const watcher = (view: StockView) => onView(view);
    known.watchers.add(watcher);
    if (known.watchers.size === 1) this.wantedAtMs = Number.NEGATIVE_INFINITY;
    return () => {
      known.watchers.delete(watcher);
    };
  }

  changed(couponName: string): void {
    const nowMs = this.options.clock.nowMs();
    const wantedUntilMs = this.wanted.get(couponName) ?? Number.NEGATIVE_INFINITY;
    const isWanted = wantedUntilMs > nowMs;
    const known = isWanted ? this.known.getOrAdd(couponName) : this.known.get(couponName);
    if (known === undefined) return;
    known.changedAtMs = nowMs;
    known.wantedUntilMs = wantedUntilMs;
  }

  /** Forgets all views when another server may have taken over. Those of queries that are under way have no effect. */
  forgetAll(): void {
    this.known.forgetAll();
  }

  /** Stops all refreshes. */
  stop(): void {
    for (const stopTimer of this.stopTimers) stopTimer();
  }

  private async readNewer(
    couponName: string,
    maxAgeMs: number,
    arrivedMs: number,
  ): Promise<AgedStockView> {
    const { clock, metrics, shared } = this.options;
    if (shared !== undefined) {
      // Full, as when Redis hangs: then the database is asked at once.
      await this.fromOthers.read(couponName).catch(() => undefined);
      const timed = this.known.viewOf(this.known.get(couponName));
      const ageMs = timed === undefined ? 0 : clock.nowMs() - timed.afterMs;
      if (timed !== undefined && ageMs <= maxAgeMs) {
        metrics.viewRead('shared', ageMs);
        this.due.read(this.known.getOrAdd(couponName), maxAgeMs, arrivedMs);
        return { view: timed.view, ageMs };
      }
    }
    const timed = await this.fromDatabase.read(couponName);
    if (timed === undefined) throw couponNotFound();
    this.due.read(this.known.getOrAdd(couponName), maxAgeMs, arrivedMs);
    metrics.viewRead('database', 0);
    return { view: timed.view, ageMs: 0 };
  }

  /** Reads views from the database, keeps them and gives them to the other nodes. */
  private async query(names: readonly string[]): Promise<ReadonlyMap<string, TimedView>> {
    const { clock, metrics, reader, shared } = this.options;
    const marks = this.receivedMarks;
    const afterMs = clock.nowMs();
    for (const name of names) {
      const known = this.known.get(name);
      if (known !== undefined) known.refreshedAtMs = afterMs;
    }
    const views = await reader.readStockViews(names);
    const beforeMs = clock.nowMs();
    metrics.viewsQueried(views.size);
    const timed = new Map<string, TimedView>();
    for (const [name, view] of views) {
      const next = { view, afterMs, beforeMs };
      timed.set(name, next);
      this.known.learn(next);
    }
    if (views.size > 0) shared?.publish([...views.values()].map((view) => ({ view, marks })));
    return timed;
  }

  /** Leaves a mark and gets those of all nodes, with the views that they share of these coupons. */
  private async exchange(names: readonly string[]): Promise<ReadonlyMap<string, true>> {
    const { clock, shared } = this.options;
    const nowMs = clock.nowMs();
    const isMarked = nowMs - this.markedAtMs >= marksMsMin;
    if (isMarked) this.markedAtMs = nowMs;
    const found = await shared?.exchange(isMarked ? this.marks.next() : undefined, names);
    if (found !== undefined) {
      this.receivedMarks = found.marks;
      for (const view of found.views) this.learnShared(view);
    }
    return new Map();
  }

  private learnShared({ view, marks }: SharedStockView): void {
    const afterMs = this.marks.latestOf(marks);
    // Without a mark of this process the view may be of any age.
    if (afterMs === undefined) return;
    this.known.learn({ view, afterMs, beforeMs: this.options.clock.nowMs() });
  }

  private addWanted(names: readonly string[]): void {
    const untilMs = this.options.clock.nowMs() + wantedMs;
    for (const name of names) {
      if (this.wanted.size >= viewsMax && !this.wanted.has(name)) return;
      this.wanted.set(name, untilMs);
    }
  }

  /** Refreshes what is due. One tick at a time: while the database is slow, changes collect. */
  private async tick(): Promise<void> {
    if (this.isTicking) return;
    this.isTicking = true;
    try {
      await this.refresh();
    } finally {
      this.isTicking = false;
    }
  }

  private async refresh(): Promise<void> {
    const { clock, shared } = this.options;
    const interesting = this.due.interesting();
    if (interesting.length === 0) return;
    if (shared !== undefined) {
      this.wantWatched(interesting);
      // Another node may have read them.
      const old = this.due.old(interesting).slice(0, namesPerExchangeMax);
      if (old.length > 0 || clock.nowMs() - this.markedAtMs >= marksMsMin) {
        await this.exchange(old.map(({ couponName }) => couponName));
      }
    }
    // The next tick tries again what could not be read.
    const reads = this.due
      .now(interesting)
      .map(({ couponName }) => this.fromDatabase.read(couponName).catch(() => undefined));
    await Promise.all(reads);
  }

  private wantWatched(interesting: readonly KnownView[]): void {
    const nowMs = this.options.clock.nowMs();
    if (nowMs - this.wantedAtMs < wantEveryMs) return;
    const watched = interesting.filter(({ watchers }) => watchers.size > 0);
    if (watched.length === 0) return;
    this.wantedAtMs = nowMs;
    this.options.shared?.want(watched.map(({ couponName }) => couponName));
  }

  private sweep(): void {
    const nowMs = this.options.clock.nowMs();
    for (const [name, untilMs] of this.wanted) {
      if (untilMs < nowMs) this.wanted.delete(name);
    }
    this.known.removeUnread();
  }
}
