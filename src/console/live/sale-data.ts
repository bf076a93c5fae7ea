// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, OutcomeSecond, Overview, Refusal } from '../../client.ts';

/** One second of a sale. What is unknown is null. */
export type SaleSecond = {
  /** When the second began, by the clock of the database, in milliseconds since 1970. */
  atMs: number;
  /** False: some counts are missing, so those that are there may be too low. */
  isComplete: boolean;
  outcomes: OutcomeSecond['outcomes'];
  p50Ms: number | null;
  p99Ms: number | null;
  waitingClaims: number | null;
  /** The stock at the end of the second. */
  remaining: number | null;
};

/** What the page knows of one sale. */
export type Sale = {
  name: string;
  /**
   * - `connecting`: nothing has arrived yet.
   * - `live`: data is at most 3 s old.
   * - `stale`: no data for more than 3 s.
   * - `asleep`: the page was hidden for 30 s, so it reads nothing. It wakes when it is visible.
   */
  status: 'connecting' | 'live' | 'stale' | 'asleep';
  overview: Overview | undefined;
  health: Health | undefined;
  /** The last 15 minutes, an entry for each second, in order and without gaps. Empty before the history has arrived. */
  seconds: readonly SaleSecond[];
  /** When data arrived last, by `performance.now()`. */
  arrivedAtMs: number | undefined;
  /** Why the service refuses to show the sale, such as an unknown name. */
  refusal: Refusal | undefined;
};
