// SPDX-License-Identifier: GPL-3.0-or-later
import type { StockView } from './stock-view.ts';

/** A view, and when its snapshot was taken by the monotonic clock of this process: after one moment and before another. */
export type TimedView = { view: StockView; afterMs: number; beforeMs: number };

/**
 * Whether `next` is newer than `known`. The clock of this process decides where it can. Where the two may have been taken at
 * the same time, that of the database does. If it has stepped, the older view stays a little longer, with its true age.
 */
export function isNewer(next: TimedView, known: TimedView | undefined): boolean {
  if (known === undefined || next.afterMs >= known.beforeMs) return true;
  if (next.beforeMs <= known.afterMs) return false;
  return next.view.atMs > known.view.atMs;
}
