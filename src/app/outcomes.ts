// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the counts of outcomes of one process. */
import type { Database } from '../adapters/postgres/database.ts';
import {
  postgresOutcomeReader,
  postgresOutcomeStore,
} from '../adapters/postgres/outcomes/outcome-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { ClaimLanes } from '../core/claims/claim-lanes.ts';
import { OutcomeCounts } from '../core/outcomes/outcome-counts.ts';
import { OutcomeRecorder } from '../core/outcomes/outcome-recorder.ts';
import { type ReadOutcomes, readOutcomesWith } from '../core/outcomes/read-outcomes.ts';
import type { PlainLog } from './logger.ts';
import type { Disposers } from './start-or-undo.ts';

// A sale has one coupon, or a few dozen. With more, those beyond are not counted, and their seconds are unknown.
const couponsMax = 256;

/** Counts what this process answers, and reads what all have counted. */
export type Outcomes = {
  counting: OutcomeCounts['counting'];
  countingTickets: OutcomeCounts['countingTickets'];
  /** Has the stock of a coupon stored with the second, also when no claim is answered. */
  stockChanged(couponName: string): void;
  /** Begins to store the counts. What ends that is added to `disposers`. */
  record(lanes: Pick<ClaimLanes, 'waitingByCoupon'>, disposers: Disposers): void;
  read: ReadOutcomes;
};

/** Creates the counts of this process. */
export function createOutcomes({ database, log }: { database: Database; log: PlainLog }): Outcomes {
  const counts = new OutcomeCounts(couponsMax);
  return {
    counting: (metrics) => counts.counting(metrics),
    countingTickets: (metrics) => counts.countingTickets(metrics),
    stockChanged: (couponName) => counts.stockChanged(couponName),
    record(lanes, disposers) {
      const recorder = new OutcomeRecorder({
        ...{ counts, store: postgresOutcomeStore(database), clock: systemClock },
        ...{ waiting: () => lanes.waitingByCoupon(), waitingCouponsMax: couponsMax },
        warn: (event, message) => log.warn(event, message),
      });
      recorder.start();
      disposers.push(() => recorder.stop());
    },
    read: readOutcomesWith(postgresOutcomeReader(database)),
  };
}
