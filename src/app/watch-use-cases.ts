// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes what operators watch a sale with. */
import { postgresClaimTraces } from '../adapters/postgres/claim-traces.ts';
import { postgresClaimCounts } from '../adapters/postgres/count-claims.ts';
import { postgresCouponRules } from '../adapters/postgres/coupon-rules.ts';
import type { Database } from '../adapters/postgres/database.ts';
import { postgresStockCheckReader } from '../adapters/postgres/stock-check-reader.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { sharedCounts } from '../core/claims/count-claims.ts';
import type { ReadClaims } from '../core/claims/read-claims.ts';
import { readTimelineWith } from '../core/claims/read-timeline.ts';
import { checkCouponWith } from '../core/coupons/check-coupon.ts';
import { readOverviewWith } from '../core/coupons/read-overview.ts';
import { AppError } from '../core/errors.ts';
import type { ReadOutcomes } from '../core/outcomes/read-outcomes.ts';
import type { ReadSagas } from '../core/sagas/read-sagas.ts';
import type { StockViews } from '../core/stock/stock-view.ts';
import type { WatchUseCases } from '../core/use-cases.ts';

/** Creates the use cases. */
export function createWatchUseCases({
  database,
  ...parts
}: {
  database: Database;
  installationId: string;
  views: Pick<StockViews, 'read'>;
  readOutcomes: ReadOutcomes;
  readClaims: ReadClaims;
  readSagas: ReadSagas;
}): WatchUseCases {
  const { readClaims, readOutcomes, readSagas, views } = parts;
  const countClaims = sharedCounts(postgresClaimCounts(database), systemClock);
  return {
    readOutcomes,
    readOverview: readOverviewWith({ views, countClaims, outcomes: readOutcomes }),
    checkCoupon: checkCouponWith({
      ...{ rules: postgresCouponRules(database), pages: postgresStockCheckReader(database) },
      ...{ views, clock: systemClock },
    }),
    readTimeline: readTimelineWith({
      readClaims,
      readTraces: postgresClaimTraces(database, parts.installationId),
      findSaga: (sagaId) =>
        readSagas.read(sagaId).catch((error: unknown) => {
          if (error instanceof AppError && error.code === 'saga_not_found') return undefined;
          throw error;
        }),
    }),
  };
}
