// SPDX-License-Identifier: GPL-3.0-or-later
import { hasExpired, holdEnd } from './claim-states.ts';
import { databaseTimesOf } from './database-times.ts';
import type { Sale, StoredClaim } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { countBelow } from './sorted.ts';
import { microseconds } from './times.ts';

type Hold = { end: number; released: number };

/**
 * Returns whether, when an operation was decided, a hold had certainly expired and certainly kept its unit. Then a claim
 * could have taken the unit, so `sold_out` was false.
 */
export function hasOverdueHold(history: RecordedHistory, sale: Sale): (op: number) => boolean {
  const { atLeast, atMost } = databaseTimesOf(history, sale);
  const holds = sale.held.flatMap((one): Hold[] => {
    const end = holdEnd(sale, one);
    return end === undefined || !wasNeverEnded(one) ? [] : [{ end, released: releasedAt(one) }];
  });
  holds.sort((a, b) => a.end - b.end);
  const ends = holds.map(({ end }) => end);
  const latest: number[] = [];
  for (const { released } of holds) latest.push(Math.max(released, latest.at(-1) ?? 0));
  return (op) => {
    const expired = countBelow(ends, atLeast(op));
    const released = latest[expired - 1] ?? 0;
    return released === Number.POSITIVE_INFINITY || released > atMost(op);
  };
}

/** Whether the hold ended by its time alone, or has not ended. */
function wasNeverEnded(one: StoredClaim): boolean {
  if (typeof one.claim.confirmed_at === 'string') return false;
  return one.released === undefined || hasExpired(one);
}

/** When its unit came back; infinite where it had not when the tables were read. */
function releasedAt({ released }: StoredClaim): number {
  return released === undefined ? Number.POSITIVE_INFINITY : microseconds(released.released_at);
}
