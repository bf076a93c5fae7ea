// SPDX-License-Identifier: GPL-3.0-or-later
/** Builds the engine from the core and its adapters, for the service and for a program that embeds it. */
import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { ClaimSpans } from '../adapters/opentelemetry/claim-spans.ts';
import { postgresClaimReader } from '../adapters/postgres/claim-reader.ts';
import { postgresClaimStore } from '../adapters/postgres/claim-store.ts';
import { postgresCouponStore } from '../adapters/postgres/coupon-store.ts';
import type { Database } from '../adapters/postgres/database.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { postgresOperatorLog } from '../adapters/postgres/operator-log.ts';
import { postgresSoldOutReader } from '../adapters/postgres/sold-out-reader.ts';
import type { TicketTimes } from '../adapters/postgres/tickets/ticket-times.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { idFor, newId } from '../adapters/system/ids.ts';
import type { Config } from '../config.ts';
import {
  type ChangeClaim,
  changeClaimWith,
  type SendChange,
  withChangeMetrics,
} from '../core/claims/change-claim.ts';
import { type ClaimCoupon, withMetrics } from '../core/claims/claim-coupon.ts';
import { ClaimLanes } from '../core/claims/claim-lanes.ts';
import { KnownCoupons, withKnownCoupons } from '../core/claims/known-coupons.ts';
import type {
  ClaimChangeMetrics,
  ClaimMetrics,
  ClaimStore,
  EarlyRefusalMetrics,
  EngineLog,
} from '../core/claims/ports.ts';
import { readClaimsWith } from '../core/claims/read-claims.ts';
import { watchAnswers } from '../core/commit-watch.ts';
import { type AddStock, addStockWith } from '../core/coupons/add-stock.ts';
import { changeCouponWith } from '../core/coupons/change-coupon.ts';
import { CouponPageCache } from '../core/coupons/coupon-page-cache.ts';
import { createCouponWith } from '../core/coupons/create-coupon.ts';
import { readCouponsWith } from '../core/coupons/read-coupons.ts';
import type { DurabilityMin } from '../core/health.ts';
import { recordAcknowledged } from '../core/history/acknowledged-batches.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import type { RefusalMetrics } from '../core/refusal-rules.ts';
import { AnnouncementWaits } from '../core/stock/announcement-waits.ts';
import { SoldOutCache } from '../core/stock/sold-out-cache.ts';
import type { StockNotifications } from '../core/stock/stock-notifications.ts';
import { StockNotifier } from '../core/stock/stock-notifier.ts';
import type { StockViewCache } from '../core/stock/stock-view-cache.ts';
import type { UseCases } from '../core/use-cases.ts';
import { type DatabaseHealth, watchHealth } from './health.ts';
import { lostHistoryOf } from './history.ts';
import { stack } from './stack.ts';
import { withStockViews } from './stock-views.ts';
import {
  createTickets,
  type DecideTicket,
  type ProcessTickets,
  type TicketParts,
} from './tickets.ts';

/** What the engine works with. */
export type EngineOptions = {
  forBatches: Database;
  forQueries: Database;
  /** The one that both pools were opened with. */
  installation: InstallationWatch;
  /** The same. */
  history: HistoryGuard;
  /** What both pools were opened with. */
  durabilityMin: DurabilityMin;
  limits: Config['claims'];
  /** Undefined: no claim has a ticket. */
  ticketTimes?: TicketTimes | undefined;
  metrics: ClaimMetrics & ClaimChangeMetrics & EarlyRefusalMetrics & RefusalMetrics;
  log: EngineLog;
  /** The sagas that a new coupon can name. */
  sagaNames: ReadonlySet<string>;
  /** Undefined: nobody watches stock, and nothing is read from a cache. */
  stockViews?: Pick<StockViewCache, 'changed' | 'forgetAll'> | undefined;
  /** Undefined: nothing is traced. */
  tracing?: ClaimSpans | undefined;
  /** Undefined: there is no queue, and claims go to the lanes. */
  tickets?: TicketParts | undefined;
  /** Undefined: other processes are not notified of sold-out coupons and of units that come back. */
  notifications?: StockNotifications | undefined;
};

/** The use cases, and the components whose state the metrics show. */
export type Engine = UseCases &
  Pick<DatabaseHealth, 'checkHealth' | 'healthSeen'> & {
    lanes: ClaimLanes;
    soldOut: SoldOutCache;
    couponPages: CouponPageCache;
    /** Undefined without notifications. */
    notifier: StockNotifier | undefined;
    /** Undefined without a queue. */
    tickets: ProcessTickets | undefined;
  };

const couponNamesMax = 100_000;

/** Starts the engine, and adds to `disposers` what stops its components; they run in reverse order. */
export function createEngine(options: EngineOptions, disposers: (() => Promise<void>)[]): Engine {
  const { forBatches, forQueries, limits, metrics, stockViews, tracing } = options;
  const claimStore = stack<ClaimStore>(
    postgresClaimStore({
      ...{ forBatches, forQueries, nowMs: systemClock.nowMs },
      ticketTimes: options.ticketTimes,
    }),
    [(next) => recordAcknowledged(next, options.history.batches), tracing?.traceStore],
  );
  const knownCoupons = new KnownCoupons({
    store: claimStore,
    namesMax: couponNamesMax,
    waitingMax: limits.waitingMax,
  });
  const soldOut = new SoldOutCache({
    reader: postgresSoldOutReader(forQueries),
    clock: systemClock,
    holdersMax: limits.soldOutHoldersMax,
    waitingMax: limits.waitingMax,
    seed: randomInt(2 ** 32),
  });
  const notifier =
    options.notifications &&
    new StockNotifier({
      ...{ notifications: options.notifications, soldOut, clock: systemClock },
      isKnown: (name) => knownCoupons.has(name),
    });
  const { checkHealth, healthSeen, commits } = watchHealth(options, disposers, {
    onLostConnection() {
      soldOut.forgetAll();
      stockViews?.forgetAll();
      couponPages.forgetAll();
    },
    onOtherServer() {
      knownCoupons.forgetAll();
      soldOut.forgetAll();
      stockViews?.forgetAll();
      couponPages.forgetAll();
      options.tickets?.databaseClock.forget();
    },
  });
  const lanes = new ClaimLanes({
    store: watchAnswers(claimStore, commits),
    limits: { ...limits, commitsUnderWayMax: forBatches.connectionsMax },
    clock: systemClock,
    metrics,
    log: stack<EngineLog>(options.log, [tracing?.traceLog]),
    newBatchId: newId,
    onCouponNotFound: (name) => knownCoupons.forget(name),
    onSoldOut: (name) => soldOut.load(name),
    onChanged(name) {
      commits.committed();
      stockViews?.changed(name);
    },
  });
  disposers.push(() => lanes.drain(0));
  disposers.push(async () => soldOut.stop());
  const stopping = new AbortController();
  // Each announced change that waits listens to it. Node warns from the eleventh listener on.
  setMaxListeners(0, stopping.signal);
  const couponStore = stack(postgresCouponStore(forQueries), [
    stockViews && ((next) => withStockViews(next, stockViews)),
  ]);
  disposers.push(async () => stopping.abort());
  const readCoupons = readCouponsWith(
    couponStore,
    (names) => claimStore.findCouponNames(names),
    limits.waitingMax,
  );
  const couponPages = new CouponPageCache({ listCoupons: readCoupons.list, clock: systemClock });

  const tickets =
    options.tickets &&
    createTickets(options.tickets, {
      decide: stack<DecideTicket>(
        (command) => lanes.claimTicket(command),
        [
          tracing?.traceWait,
          notifier && ((next) => notifier.wrapClaim(next)),
          tracing?.traceOutcome,
        ],
      ),
      hasRoom: (couponName) => lanes.hasRoom(couponName),
      onDecided(couponName, outcome) {
        if (outcome === 'sold_out') soldOut.load(couponName);
        if (outcome === 'coupon_not_found') knownCoupons.forget(couponName);
      },
      ...{ checkHealth, waitingMax: limits.waitingMax, log: options.log },
    });

  // The path of a claim, innermost first.
  const claimCoupon = stack<ClaimCoupon>(
    tickets?.acceptClaim ??
      stack<ClaimCoupon>((command) => lanes.claim(command), [tracing?.traceWait]),
    [
      (next) => withKnownCoupons(next, knownCoupons),
      notifier && ((next) => notifier.wrapClaim(next)),
      (next) => soldOut.wrap(next),
      (next) => withMetrics(next, metrics, systemClock),
      tracing?.traceOutcome,
    ],
  );
  const announced = { clock: systemClock, stopping: stopping.signal };
  const changeClaim = stack<ChangeClaim>(
    changeClaimWith({
      ...announced,
      send: stack<SendChange>((command) => lanes.change(command), [tracing?.traceWait]),
      waits: new AnnouncementWaits({ ...announced, waitingMax: limits.waitingMax }),
    }),
    [
      notifier && ((next) => notifier.wrapChangeClaim(next)),
      (next) => withKnownCoupons(next, knownCoupons),
      (next) => withChangeMetrics(next, metrics),
      tracing?.traceOutcome,
    ],
  );
  return {
    claimCoupon,
    changeClaim,
    newClaimId: newId,
    claimRefused: (code, couponName) => metrics.refusedEarly(code, couponName),
    readCoupons,
    createCoupon: createCouponWith({
      ...{ store: couponStore, newBatchId: newId, sagaNames: options.sagaNames },
    }),
    changeCoupon: soldOut.wrapChangeCoupon(changeCouponWith(couponStore)),
    addStock: stack<AddStock>(
      addStockWith({
        ...{ store: couponStore, ...announced },
        ...{ newBatchId: newId, batchIdFor: idFor },
      }),
      [notifier && ((next) => notifier.wrapAddStock(next))],
    ),
    readClaims: readClaimsWith(postgresClaimReader(forQueries)),
    readOperatorLog: postgresOperatorLog(forQueries),
    lostHistory: lostHistoryOf(forQueries, options.history),
    ...{ lanes, soldOut, couponPages, notifier, tickets, checkHealth, healthSeen },
  };
}
