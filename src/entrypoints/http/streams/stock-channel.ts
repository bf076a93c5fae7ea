// SPDX-License-Identifier: GPL-3.0-or-later
import type { StockView } from '../../../core/stock/stock-view.ts';
import type { EventSource, EventStream } from './event-stream.ts';
import { showSameStock, stockEvent } from './stock-event.ts';

/** The streams of one coupon in this process, and the newest view of it. */
export class StockChannel implements EventSource {
  readonly streams = new Set<EventStream>();
  /** Requests that are about to open a stream. */
  opening = 0;
  version = 0;
  private view: StockView | undefined;
  /** The event of `view`, built once for all streams and only if one is written. */
  private event: Buffer | undefined;

  /** Takes a view that is newer than the last one. Returns whether the streams have something new to send. */
  take(view: StockView): boolean {
    const last = this.view;
    this.view = view;
    this.event = undefined;
    if (last !== undefined && showSameStock(last, view)) return false;
    this.version += 1;
    return true;
  }

  /** Whether this view, which was read, is newer than the last one. */
  isNewer(view: StockView): boolean {
    return this.view === undefined || view.atMs > this.view.atMs;
  }

  /** The event of the newest view, of which there must be one. */
  newestEvent(): Buffer {
    this.event ??= stockEvent(this.view as StockView);
    return this.event;
  }
}
