// SPDX-License-Identifier: GPL-3.0-or-later
import type * as api from './api-types.ts';
import type { CallOptions } from './options.ts';
import type { ReadResult, WriteResult } from './results.ts';

/** The operations that show an operator how a sale goes. */
export interface WatchOperations {
  /** Reads what an operator watches of a coupon: its stock, its claims by state, and how long claims take. */
  readOverview(
    args: api.ReadOverviewArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.Overview>>;

  /** Reads the outcomes of the claims of a coupon in the last minutes, second by second. */
  readOutcomeHistory(
    args: api.ReadOutcomeHistoryArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.OutcomeHistory>>;

  /**
   * Iterates over the outcomes of the claims of a coupon, second by second. A second may come again with later counts, which
   * replace the earlier ones. Connects again when the stream breaks.
   */
  streamOutcomes(
    args: api.StreamOutcomesArguments,
    options?: CallOptions,
  ): AsyncIterableIterator<api.OutcomeSecond>;

  /** Checks whether stock, claims and ledger of a coupon agree. It changes nothing. */
  checkCoupon(
    args: api.CheckCouponArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.CheckedCoupon>>;

  /** Reads the changes of a claim, what webhooks got of it, and the steps of its saga, in order. */
  readTimeline(
    args: api.ReadTimelineArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.Timeline>>;
}
