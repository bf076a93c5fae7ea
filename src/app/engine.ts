// SPDX-License-Identifier: GPL-3.0-or-later
/** Joins the core and its adapters to the engine, for the service and for a program that embeds it alike. */
import { randomInt } from 'node:crypto';
import type { ClaimSpans } from '../adapters/opentelemetry/claim-spans.ts';
import { postgresClaimReader, postgresClaimStore } from '../adapters/postgres/claim-store.ts';
import { postgresCouponStore } from '../adapters/postgres/coupon-store.ts';
import type { Database } from '../adapters/postgres/database.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { postgresHealth } from '../adapters/postgres/monitoring/health.ts';
import { OutageLog } from '../adapters/postgres/monitoring/outage-log.ts';
import { RefusedStatementLog } from '../adapters/postgres/monitoring/refused-statement-log.ts';
import { watchDatabases } from '../adapters/postgres/monitoring/watch-databases.ts';
import { postgresSoldOutReader } from '../adapters/postgres/sold-out-reader.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { idFor, newId } from '../adapters/system/ids.ts';
import type { Config } from '../config.ts';
import { type ClaimCoupon, claimCouponWith } from '../core/claims/claim-coupon.ts';
import { ClaimLanes } from '../core/claims/claim-lanes.ts';
import { KnownCoupons } from '../core/claims/known-coupons.ts';
import type { ClaimMetrics, EngineLog } from '../core/claims/ports.ts';
import { type ReadClaims, readClaimsWith } from '../core/claims/read-claims.ts';
import { withMetrics } from '../core/claims/with-metrics.ts';
import { type ManageCoupon, manageCouponWith } from '../core/coupons/manage-coupon.ts';
import { type ReadCoupons, readCouponsWith } from '../core/coupons/read-coupons.ts';
import type { Health } from '../core/health.ts';
import type { RefusalMetrics } from '../core/refusal-rules.ts';
import { SoldOutCache } from '../core/stock/sold-out-cache.ts';

/** What the engine works with. */
export type EngineOptions = {
  forBatches: Database;
  forQueries: Database;
  /** The one that both pools were opened with. */
  installation: InstallationWatch;
  limits: Config['claims'];
  metrics: ClaimMetrics & RefusalMetrics;
  log: EngineLog;
  /** Undefined: nothing is traced. */
  tracing?: ClaimSpans | undefined;
};

/** The use cases, and the parts that tell how full they are. */
export type Engine = {
  claimCoupon: ClaimCoupon;
  readCoupons: ReadCoupons;
  manageCoupon: ManageCoupon;
  readClaims: ReadClaims;
  lanes: ClaimLanes;
  soldOut: SoldOutCache;
  /** How the service is now. Never rejects. */
  checkHealth(): Promise<Health>;
};

const couponNamesRememberedMax = 100_000;
// How long a process may go on deciding after its tables were replaced under connections that live on.
const lookMs = 1_000;

/** Starts the engine; how its parts are ended, last first, goes to `stops`. */
export function createEngine(options: EngineOptions, disposers: (() => Promise<void>)[]): Engine {
  const { forBatches, forQueries, installation, limits, metrics, tracing } = options;
  const outage = new OutageLog({
    warn: (event, message) => options.log.warn(event, message),
    nowMs: systemClock.nowMs,
  });
  const refusals = new RefusedStatementLog({
    warn: (event, message) => options.log.warn(event, message),
    metrics,
    nowMs: systemClock.nowMs,
  });
  const forgetAll = () => {
    knownCoupons.forgetAll();
    soldOut.forgetAll();
  };
  watchDatabases([forBatches, forQueries], {
    ...{ outage, refusals, installation, onOtherServer: forgetAll },
  });
  const checkHealth = postgresHealth(forQueries, installation);
  const stopLooking = systemClock.every(lookMs, () => void checkHealth());
  disposers.push(async () => stopLooking());
  const store = postgresClaimStore({ forBatches, forQueries, nowMs: systemClock.nowMs });
  const claimStore = tracing === undefined ? store : tracing.wrapStore(store);
  const log = tracing === undefined ? options.log : tracing.wrapLog(options.log);
  const couponStore = postgresCouponStore(forQueries);
  const knownCoupons = new KnownCoupons({
    store: claimStore,
    namesMax: couponNamesRememberedMax,
    waitingMax: limits.waitingMax,
  });
  const lanes = new ClaimLanes({
    store: claimStore,
    limits: { ...limits, commitsUnderWayMax: forBatches.connectionsMax },
    clock: systemClock,
    metrics,
    log,
    newBatchId: newId,
    couponGone: (name) => knownCoupons.forget(name),
    soldOut: (name) => soldOut.learn(name),
  });
  disposers.push(() => lanes.stop(0));
  const soldOut = new SoldOutCache({
    reader: postgresSoldOutReader(forQueries),
    clock: systemClock,
    holdersMax: limits.soldOutHoldersMax,
    waitingMax: limits.waitingMax,
    seed: randomInt(2 ** 32),
  });
  disposers.push(async () => soldOut.stop());

  const claimCoupon = claimCouponWith({
    knownCoupons,
    lanes: tracing === undefined ? lanes : tracing.wrapLanes(lanes),
    newClaimId: newId,
  });
  const ending = new AbortController();
  const manageCoupon = manageCouponWith({
    store: couponStore,
    clock: systemClock,
    newBatchId: newId,
    batchIdFor: idFor,
    ending: ending.signal,
  });
  disposers.push(async () => ending.abort());
  const counted = withMetrics(soldOut.wrap(claimCoupon), metrics, systemClock);
  return {
    claimCoupon: tracing === undefined ? counted : tracing.wrapClaimCoupon(counted),
    readCoupons: readCouponsWith(
      couponStore,
      (names) => claimStore.findCouponNames(names),
      limits.waitingMax,
    ),
    manageCoupon: soldOut.wrapChanges(manageCoupon),
    readClaims: readClaimsWith(postgresClaimReader(forQueries)),
    ...{ lanes, soldOut, checkHealth },
  };
}
