// SPDX-License-Identifier: GPL-3.0-or-later
import type { CouponOutcomes, OutcomeTally } from './outcome-counts.ts';

/** What one process has counted of a coupon in a second, numbered by the clock of the database. */
export type CountedSecond = CouponOutcomes & {
  second: number;
  /** Claims that waited in the process at the end of the second. */
  waiting: number;
};

/** The first and the last second of which some counts are missing. */
export type OutcomeGap = { first: number; last: number };

/** Where all processes put their counts. */
export type OutcomeStore = {
  /** Says from when on the counts are known, where nothing says it yet. Returns the clock of the database in milliseconds. */
  begin(): Promise<number>;
  /**
   * Stores counts, with the units that are left of each coupon if its second has just ended, and a gap if there is one. Returns
   * the same. Rejects when they may not be stored.
   */
  append(seconds: readonly CountedSecond[], gap: OutcomeGap | undefined): Promise<number>;
};

/** The counts of one second of a coupon, of all processes together. */
export type OutcomeSecond = {
  second: number;
  /** False: some counts are missing, and those that are there are too low. */
  isComplete: boolean;
  outcomes: OutcomeTally;
  times: number[];
  waiting: number;
  /** The units that were left within a second after its end; undefined: they were not read then. */
  remaining: number | undefined;
};

/** A stretch of whole seconds up to the last one that all processes have stored. */
export type OutcomeWindow = {
  /** The first and the last second. */
  first: number;
  last: number;
  /** In order. One that is missing had no claim and no other change of the stock, unless a gap has it. */
  seconds: OutcomeSecond[];
  gaps: OutcomeGap[];
  /** The clock of the database, in milliseconds. */
  clockMs: number;
};

/** Reads what all processes have counted. */
export type OutcomeReader = {
  /** The last seconds of each of these coupons that exists. Rejects with `unavailable` when they cannot be read. */
  read(couponNames: readonly string[], seconds: number): Promise<Map<string, OutcomeWindow>>;
};

/** Deletes old counts, each call in one bounded transaction. Rejects as `DutyLeases` does. */
export type OutcomeRetentionStore = {
  /** How many it has deleted; `hasMore`: there are more to delete. `lease_lost`: nothing was deleted. */
  deleteOld(lease: { epoch: string }): Promise<{ hasMore: boolean } | 'lease_lost'>;
};
