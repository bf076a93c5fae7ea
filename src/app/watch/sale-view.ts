// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, Overview } from '../../client.ts';
import { type Rates, ratesOf } from '../../figures/rates.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';
import { estimateSeconds, timeToSoldOutMs } from '../../figures/time-to-sold-out.ts';
import type { SaleFeed } from './sale-feed.ts';

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
  /** If the rate of the last 30 seconds goes on. */
  soldOutInS: number | undefined;
  /** The last minutes, in order and without gaps. */
  seconds: readonly SaleSecond[];
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
  const seconds = feed.seconds.listFrom(0);
  const last = seconds.at(-1);
  const { coupon } = overview;
  const soldOutMs =
    coupon.state === 'open'
      ? timeToSoldOutMs({
          ...{ remaining: coupon.remaining_amount, seconds },
          takenPerSecond: feed.stock.takenPerSecond(estimateSeconds),
        })
      : undefined;
  return {
    ...{ overview, serverMs, seconds },
    stockAgeS: Math.max(0, serverMs - Date.parse(overview.at)) / 1_000,
    answersAgeS: last && Math.max(0, serverMs - (last.atMs + 1_000)) / 1_000,
    lastSecond: ratesOf(seconds, { count: 1 }),
    tenSeconds: ratesOf(seconds, { count: meanSeconds, countMin: 1 }),
    soldOutInS: soldOutMs && soldOutMs / 1_000,
    ...{ health: feed.health, trouble: feed.trouble },
  };
}
