// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, Overview } from '../../client.ts';
import { claimedBefore } from '../../figures/claimed-before.ts';
import { type Rates, ratesOf } from '../../figures/rates.ts';
import { secondsToSoldOut } from '../../figures/time-to-sold-out.ts';
import { minutesShown, type SaleFeed } from './sale-feed.ts';

/** A sale as it is known at one moment. What is undefined is unknown. */
export type SaleView = {
  overview: Overview;
  /** The clock of the database now, in milliseconds since 1970. */
  serverMs: number;
  /** How old the stock is, and how long ago the last second ended whose answers are known, in seconds. */
  stockAgeS: number;
  answersAgeS: number | undefined;
  /** Rates of the last second that is known, and means of the last ten. */
  lastSecond: Rates | undefined;
  tenSeconds: Rates | undefined;
  /** If the rate of the last ten seconds goes on. */
  soldOutInS: number | undefined;
  /** By second since 1970, up to `lastKnown`. */
  claimedAt(second: number): number | undefined;
  remainingAt(second: number): number | undefined;
  lastKnown: number | undefined;
  health: Health | undefined;
  /** Why the stock gets old. */
  trouble: string | undefined;
};

/** Stock that is older, in seconds, is called stale. */
export const stockAgeSMax = 3;
/** The same for answers. They come two to three seconds after they were given. */
export const answersAgeSMax = 6;

const meanSeconds = 10;

/** Whether anything of what is shown is too old. */
export function isStale({ stockAgeS, answersAgeS }: SaleView): boolean {
  return stockAgeS > stockAgeSMax || (answersAgeS !== undefined && answersAgeS > answersAgeSMax);
}

/** What a feed knows at this moment by the monotonic clock; undefined before the first overview. */
export function viewOf(feed: SaleFeed, nowMs: number): SaleView | undefined {
  if (feed.overview === undefined) return undefined;
  const { value: overview, arrivedMs } = feed.overview;
  const serverMs = Date.parse(overview.server_time) + nowMs - arrivedMs;
  const last = feed.seconds.last;
  const ratesIn = (count: number) =>
    last === undefined ? undefined : ratesOf(feed.seconds, { last, count });
  const tenSeconds = ratesIn(meanSeconds);
  // Net of released claims, and right for queued ones, as soon as there are samples enough.
  const taken = feed.stock.takenPerSecond(meanSeconds) ?? tenSeconds?.claimed;
  const { coupon } = overview;
  return {
    ...{ overview, serverMs, tenSeconds, lastSecond: ratesIn(1), lastKnown: last },
    stockAgeS: Math.max(0, serverMs - Date.parse(overview.at)) / 1000,
    answersAgeS: last === undefined ? undefined : Math.max(0, serverMs / 1000 - (last + 1)),
    soldOutInS:
      coupon.state === 'open' ? secondsToSoldOut(coupon.remaining_amount, taken) : undefined,
    claimedAt: (second) => {
      const counted = feed.seconds.at(second);
      return counted && (counted.outcomes.claimed ?? 0);
    },
    remainingAt: remainingOf(feed, overview),
    ...{ health: feed.health, trouble: feed.trouble },
  };
}

/**
 * As the service has read it, or by the samples of this process. Before the first sample also by the claims that were counted
 * since, but only where none was released.
 */
function remainingOf(
  { seconds, stock }: SaleFeed,
  { claims, coupon }: Overview,
): SaleView['remainingAt'] {
  const { first } = stock;
  const isCounted = first !== undefined && claims?.released === 0;
  const from = (seconds.last ?? 0) - minutesShown * 60;
  const before = isCounted ? claimedBefore(first, seconds, from) : new Map<number, number>();
  return (second) => {
    const remaining = seconds.remainingIn(second);
    if (remaining !== undefined) return remaining;
    const claimed = stock.in(second)?.claimed ?? before.get(second);
    return claimed === undefined ? undefined : Math.max(0, coupon.amount - claimed);
  };
}
