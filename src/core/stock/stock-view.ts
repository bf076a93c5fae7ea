// SPDX-License-Identifier: GPL-3.0-or-later
import type { Coupon } from '../coupons/coupon.ts';
import type { AppError } from '../errors.ts';

/**
 * A coupon with its counts as of one committed snapshot, for readers who accept one that is a little old. Nothing is decided
 * by it.
 */
export type StockView = {
  coupon: Coupon;
  /**
   * The database's clock when the query of the snapshot arrived, in milliseconds since 1970 with fractions. All that was
   * committed before is in the snapshot. This clock can step, so no age is measured with it.
   */
  atMs: number;
};

/** A view, and how old it is at most, in milliseconds; 0 if it was read after the call. */
export type AgedStockView = { view: StockView; ageMs: number };

/** Reads views from the database. Rejects with an `AppError` when it cannot be read. */
export type StockViewReader = {
  /** Why no reader may get an answer now, not even an old one; undefined where each may. */
  whyRefused(): AppError | undefined;
  /** Each as of a moment after the call. Names of no coupon are absent. */
  readStockViews(names: readonly string[]): Promise<ReadonlyMap<string, StockView>>;
};

/** A view with the marks that its reader had received before it sent the query: see `ReadMarks`. */
export type SharedStockView = { view: StockView; marks: readonly string[] };

/** What nodes have shared: the latest marks of all nodes, the last one first, and views. */
export type SharedStock = { marks: readonly string[]; views: readonly SharedStockView[] };

/** The views that all nodes share. None of the calls rejects or takes long: what cannot be shared is lost. */
export type SharedStockViews = {
  /** Leaves a mark for the other nodes, if there is one. Then reads their marks, and the views of these coupons. */
  exchange(
    mark: string | undefined,
    couponNames: readonly string[],
  ): Promise<SharedStock | undefined>;
  /** Stores views for the other nodes, and sends them. */
  publish(shared: readonly SharedStockView[]): void;
  /** Asks the other nodes to publish what they change of these coupons. It is valid for `wantedMs`. */
  want(couponNames: readonly string[]): void;
  /** Calls the listener with what other nodes send, and perhaps with what this one has sent. */
  subscribe(listener: {
    onView(shared: SharedStockView): void;
    onWanted(couponNames: readonly string[]): void;
  }): void;
};

/** How long the wish of a node for views of a coupon is valid. */
export const wantedMs = 5_000;

/** The views of one process. */
export type StockViews = {
  /**
   * A view that is at most `maxAgeMs` old: one of this process, one that is shared, or a new one from the database. Rejects with
   * `coupon_not_found`, or with another `AppError` when the database cannot be read.
   */
  read(couponName: string, maxAgeMs: number): Promise<AgedStockView>;
  /** Calls `onView` with each newer view of the coupon, until the returned function is called. Never calls it at once. */
  watch(couponName: string, onView: (view: StockView) => void): () => void;
  /** A change of the coupon was committed by this process. Costs nothing while nobody watches or reads the coupon. */
  changed(couponName: string): void;
};

/** Where a view came from: this process, another node, or the database. */
export type StockViewSource = 'process' | 'shared' | 'database';

/** Counts what is read. Called for each read: an implementation adds to numbers and returns. */
export type StockViewMetrics = {
  viewRead(source: StockViewSource, ageMs: number): void;
  /** A query has read this many views from the database. */
  viewsQueried(count: number): void;
};
