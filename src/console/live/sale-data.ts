// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health, Overview, Refusal } from '../../client.ts';
import type { SaleSecond } from '../../figures/sale-second.ts';

/** For how many minutes the page keeps the seconds of a sale: as many as the history of the service has. */
export const minutesKept = 15;

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
  /** Units taken per second, net of those that were given back. Undefined until the page has read the stock for some time. */
  takenPerSecond: number | undefined;
  /** When data arrived last, by `performance.now()`. */
  arrivedAtMs: number | undefined;
  /** Why the service refuses to show the sale, such as an unknown name. */
  refusal: Refusal | undefined;
};
