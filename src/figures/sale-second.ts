// SPDX-License-Identifier: GPL-3.0-or-later
import type { OutcomeSecond } from '../client.ts';

/** One second of a sale. What is unknown is null. */
export type SaleSecond = {
  /** When the second began, by the clock of the database, in milliseconds since 1970. */
  atMs: number;
  /** False: some counts are missing, so those that are there may be too low. */
  isComplete: boolean;
  /** Claims of the coupon by outcome or error code; what did not occur is left out. */
  outcomes: OutcomeSecond['outcomes'];
  /** The same for claims that were refused before their body was read, and may be of any coupon. */
  unattributed: OutcomeSecond['unattributed'];
  p50Ms: number | null;
  p99Ms: number | null;
  waitingClaims: number | null;
  /** The stock at the end of the second. */
  remaining: number | null;
};
