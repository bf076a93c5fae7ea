// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimCounts, CountClaims } from '../claims/count-claims.ts';
import { addTimes } from '../outcomes/answer-times.ts';
import type { ReadOutcomes } from '../outcomes/read-outcomes.ts';
import type { StockView, StockViews } from '../stock/stock-view.ts';

/** What an operator sees of a sale at a glance. Its parts are of different moments, and each has its own. */
export type Overview = {
  /** The stock and the state of the sale: one snapshot. */
  view: StockView;
  /** Another snapshot, perhaps an older one. Undefined: the claims could not be counted. */
  claims: ClaimCounts | undefined;
  /** The answers of the last ten seconds; undefined where nothing is known of one of them. */
  answers: { times: readonly number[]; waiting: number | undefined; lastSecond: number };
  /** The clock of the database after all of these were read, in milliseconds since 1970. */
  clockMs: number;
};

/** Reads the overview of a coupon. Rejects with `coupon_not_found`, and with `unavailable` when it cannot be read. */
export type ReadOverview = (couponName: string) => Promise<Overview>;

// One read serves all callers of this time.
const viewAgeMsMax = 500;
const secondsSummed = 10;

/** Creates the use case. */
export function readOverviewWith(parts: {
  views: Pick<StockViews, 'read'>;
  countClaims: CountClaims;
  outcomes: Pick<ReadOutcomes, 'latest'>;
}): ReadOverview {
  return async (couponName) => {
    // First, so that an unknown name costs no count.
    await parts.views.read(couponName, viewAgeMsMax);
    const claims = await parts.countClaims(couponName);
    // Again, since a count may take seconds. Where it took less than the age of a view, this costs no query.
    const { view } = await parts.views.read(couponName, viewAgeMsMax);
    // Last: callers compare the times of the other parts with this clock.
    const windows = await parts.outcomes.latest([couponName]);
    const {
      seconds = [],
      gaps = [],
      last = 0,
      clockMs = view.atMs,
    } = windows.get(couponName) ?? {};
    const times: number[] = [];
    for (const second of seconds) {
      if (second.second > last - secondsSummed) addTimes(times, second.times);
    }
    const isKnown = !gaps.some((gap) => gap.first <= last && last <= gap.last);
    const waiting =
      seconds.find(({ second }) => second === last)?.waiting ?? (isKnown ? 0 : undefined);
    return { view, claims, answers: { times, waiting, lastSecond: last }, clockMs };
  };
}
