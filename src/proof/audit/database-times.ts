// SPDX-License-Identifier: GPL-3.0-or-later
import type { Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';

/**
 * Bounds of the database's clock at the decision of an operation, in microseconds. The clocks of the clients are never
 * compared with it: the bounds follow from the times in answers to operations before and after.
 */
export type DatabaseTimes = {
  /** No decision of this operation is older: an earlier answer showed this time. */
  atLeast(op: number): number;
  /**
   * No decision of this operation is younger: a claim that was requested after its answer was won at this time. Infinite
   * without such a claim.
   */
  atMost(op: number): number;
};

type Point = { event: number; time: number };

/** Collects the times that the answers about a coupon show. Decisions on one coupon never go back in time. */
export function databaseTimesOf(history: RecordedHistory, sale: Sale): DatabaseTimes {
  const shown: Point[] = [];
  for (const op of sale.ops) {
    const time = latestTime(history, op);
    if (!Number.isNaN(time)) shown.push({ event: history.endEvent(op), time });
  }
  shown.sort((a, b) => a.event - b.event);
  for (const [index, point] of shown.entries()) {
    point.time = Math.max(point.time, shown[index - 1]?.time ?? Number.NEGATIVE_INFINITY);
  }
  const won: Point[] = sale.held.flatMap(({ maker }) => {
    if (maker === undefined) return [];
    return [{ event: history.begunEvent.at(maker), time: history.claimedAt.at(maker) }];
  });
  won.sort((a, b) => a.event - b.event);
  for (let index = won.length - 1; index >= 0; index -= 1) {
    const point = won[index] as Point;
    point.time = Math.min(point.time, won[index + 1]?.time ?? point.time);
  }
  return {
    atLeast: (op) => {
      const before = countBefore(shown, history.begunEvent.at(op));
      return shown[before - 1]?.time ?? Number.NEGATIVE_INFINITY;
    },
    atMost: (op) => {
      return won[countBefore(won, history.endEvent(op))]?.time ?? Number.POSITIVE_INFINITY;
    },
  };
}

/** The latest moment that had passed when the answer was made; `NaN` without any. */
function latestTime(history: RecordedHistory, op: number): number {
  const times = [
    ...[history.claimedAt.at(op), history.confirmedAt.at(op)],
    ...[history.redeemedAt.at(op), history.releasedAt.at(op)],
  ].filter((time) => !Number.isNaN(time));
  return times.length === 0 ? Number.NaN : Math.max(...times);
}

/** How many of the points, in order of their events, are before an event. */
function countBefore(points: readonly Point[], event: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] as Point).event < event) low = middle + 1;
    else high = middle;
  }
  return low;
}
