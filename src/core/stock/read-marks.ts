// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';

// At ten marks a second those of the last minute and a half.
const marksMax = 1_000;

/**
 * Proves how old a view of another node is, without a clock that both share. Each process leaves marks for the others, and a
 * view carries the marks that its reader had received before it sent its query. So a process that finds its own mark in a
 * view knows that the snapshot was taken after it has left that mark, by its own monotonic clock. Nothing that becomes of
 * marks and views on their way can break this: those that are lost, late or from an old replica only prove less.
 */
export class ReadMarks {
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly prefix: string;
  private readonly leftAtMs = new Map<string, number>();
  private count = 0;

  /** `processId` is different in each process, also after a restart. */
  constructor(clock: Pick<Clock, 'nowMs'>, processId: string) {
    this.clock = clock;
    this.prefix = `${processId}.`;
  }

  /** A new mark, to be left now. */
  next(): string {
    this.count += 1;
    const mark = this.markAt(this.count);
    this.leftAtMs.set(mark, this.clock.nowMs());
    this.leftAtMs.delete(this.markAt(this.count - marksMax));
    return mark;
  }

  /** The latest time at which this process has left one of these marks; undefined where that is not known. */
  latestOf(marks: readonly string[]): number | undefined {
    let latest: number | undefined;
    for (const mark of marks) {
      const leftAtMs = this.leftAtMs.get(mark);
      if (leftAtMs !== undefined && leftAtMs > (latest ?? Number.NEGATIVE_INFINITY)) {
        latest = leftAtMs;
      }
    }
    return latest;
  }

  private markAt(count: number): string {
    return this.prefix + count.toString(36);
  }
}
