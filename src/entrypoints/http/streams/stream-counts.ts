// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../../../core/errors.ts';

/** The streams at this moment, and what happened since the start. */
export type StreamsState = {
  open: number;
  max: number;
  opened: number;
  /** Events written to all streams, without heartbeats. */
  written: number;
  /** Requests refused because of the limit. */
  refused: number;
  /** Streams cut because their client did not read. */
  dropped: number;
};

/** Counts the event streams of this process, those of stock and of tickets together, and keeps their limit. */
export class StreamCounts {
  private readonly max: number;
  /** Open streams, and requests that are about to open one. */
  private count = 0;
  private readonly totals = { opened: 0, written: 0, refused: 0, dropped: 0 };

  constructor(max: number) {
    this.max = max;
  }

  /** Open streams, and requests that are about to open one. */
  get open(): number {
    return this.count;
  }

  /** Whether there is no place for one more. */
  get isFull(): boolean {
    return this.count >= this.max;
  }

  /** Takes a place for one more stream. Throws `overloaded` where too many are open. */
  enter(): void {
    if (this.isFull) {
      this.totals.refused += 1;
      throw new AppError('overloaded', { detail: 'too many event streams are open' });
    }
    this.count += 1;
  }

  /** Gives a place back. */
  leave(): void {
    this.count -= 1;
  }

  add(total: 'opened' | 'written' | 'dropped'): void {
    this.totals[total] += 1;
  }

  /** A snapshot for the metrics. */
  state(): StreamsState {
    return { open: this.count, max: this.max, ...this.totals };
  }
}
