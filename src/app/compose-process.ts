// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes one process of the service: the engine, its adapters, the work behind the requests, and the HTTP server. */
import type { Logger } from 'pino';
import { openPools } from '../adapters/postgres/connections/open-pools.ts';
import { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { metricsContentType, prometheusMetrics } from '../adapters/prometheus/metrics.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { type Config, isLoopback } from '../config.ts';
import type { ClaimLanes } from '../core/claims/claim-lanes.ts';
import type { DutyRunner } from '../core/duties/duty-runner.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import type { HttpLog, HttpTickets } from '../entrypoints/http/route.ts';
import { createHttpServer, type HttpServer } from '../entrypoints/http/server.ts';
import { OutcomeStreams } from '../entrypoints/http/streams/outcome-streams.ts';
import { StockStreams } from '../entrypoints/http/streams/stock-streams.ts';
import { StreamCounts } from '../entrypoints/http/streams/stream-counts.ts';
import { TicketStreams } from '../entrypoints/http/streams/ticket-streams.ts';
import type { CurrentKeys } from './api-keys.ts';
import { createBackgroundWork } from './background-work.ts';
import { measureClaimLoad } from './claim-load.ts';
import { consoleFolder } from './console-folder.ts';
import { createConsoleLogin } from './console-login.ts';
import type { OpenDatabase } from './database.ts';
import { createEngine } from './engine.ts';
import { createHistoryGuard, shareAcknowledged } from './history.ts';
import type { ProcessJobs } from './jobs.ts';
import { plainLogOf } from './logger.ts';
import {
  configFacts,
  databaseSources,
  metricsTextOf,
  type PrimaryProcess,
} from './metric-sources.ts';
import { openTickets } from './open-tickets.ts';
import { createOutcomes } from './outcomes.ts';
import { openRateLimits } from './rate-limits.ts';
import { createSagaUseCases } from './saga-use-cases.ts';
import { openSharedByNodes } from './shared-by-nodes.ts';
import type { Disposers } from './start-or-undo.ts';
import { createStockViews } from './stock-views.ts';
import { ticketTimesOf } from './ticket-times.ts';
import type { ProcessTickets } from './tickets.ts';
import type { ProcessTracing } from './tracing.ts';
import { openUserTokens } from './user-tokens.ts';
import { version } from './version.ts';
import { createWatchUseCases } from './watch-use-cases.ts';
import { createWebhookUseCases } from './webhook-use-cases.ts';

/** A migrated database: the schema of its tables and their identity, which all processes of the service share. */
export type ServedDatabase = Pick<OpenDatabase, 'url' | 'kind'> & {
  schema: string;
  identity: string;
};

/** What a process of the service gets from its start or from its primary process. */
export type ProcessOptions = {
  database: ServedDatabase;
  keys: CurrentKeys;
  /** What it is for: to serve the API, or only to decide queued claims. */
  kind: 'server' | 'consumer';
  /** Whether this process runs duties: one process of the service does. */
  runsDuties: boolean;
  /** The primary process, when the service has several processes. */
  primary?: PrimaryProcess;
};

/** What a process starts and stops. */
export type ComposedProcess = {
  server: HttpServer;
  lanes: ClaimLanes;
  /** Undefined without a queue. */
  tickets: ProcessTickets | undefined;
  duties: DutyRunner;
  jobs: ProcessJobs;
};

/** Creates all parts of a process, from the database up. What stops them is added to `disposers`. */
export async function composeProcess(
  config: Config,
  log: Logger,
  options: ProcessOptions & { tracing: ProcessTracing },
  disposers: Disposers,
): Promise<ComposedProcess> {
  const { database, keys, runsDuties, tracing } = options;
  const plainLog = plainLogOf(log);
  const shared = await openSharedByNodes({
    ...{ config, installationId: database.identity, log: plainLog },
  });
  if (shared !== undefined) disposers.push(shared.close);
  const history = createHistoryGuard({
    ...{ shared: shared?.acknowledged, claimTimeoutMs: config.claims.timeoutMs, log: plainLog },
  });
  if (shared !== undefined) disposers.push(await shareAcknowledged(history, shared.acknowledged));
  const { installation, forBatches, forQueries } = openDatabaseParts(config, log, {
    ...{ ...options, history },
  });
  disposers.push(async () => {
    await Promise.all([forBatches.close(), forQueries.close()]);
  });
  const metrics = prometheusMetrics();
  const stockViews = createStockViews({
    ...{ database: forQueries, shared: shared?.stockViews, metrics },
    waitingMax: config.claims.waitingMax,
  });
  disposers.push(async () => stockViews.stop());
  const outcomes = createOutcomes({ database: forQueries, log: plainLog });
  // After each commit of this process that may have changed it.
  const stockChanged = (couponName: string) => {
    stockViews.changed(couponName);
    outcomes.stockChanged(couponName);
  };
  const claimLoad = measureClaimLoad({ clock: systemClock });
  disposers.push(async () => claimLoad.stop());
  const ticketParts = await openTickets(
    {
      ...{ config, database: forQueries, installationId: database.identity },
      countTickets: () => outcomes.countingTickets(metrics.countTickets()),
      ...{ tracing, log: plainLog },
    },
    disposers,
  );
  const { lanes, soldOut, couponPages, notifier, tickets, ...others } = createEngine(
    {
      ...{ forBatches, forQueries, installation, history, durabilityMin: config.durabilityMin },
      ...{ limits: config.claims, sagaNames: new Set(config.sagas.definitions.keys()) },
      metrics: claimLoad.counting(outcomes.counting(metrics)),
      ...{ log, tracing: tracing.claims },
      stockViews: { changed: stockChanged, forgetAll: () => stockViews.forgetAll() },
      ...{ notifications: shared?.notifications, tickets: ticketParts },
      ticketTimes: ticketTimesOf(config),
    },
    disposers,
  );
  const { checkHealth, healthSeen, ...useCases } = others;
  outcomes.record(lanes, disposers);
  const { webhooks, relay, jobs, duties } = await createBackgroundWork(
    {
      ...{ config, database, installation, history, forQueries, runsDuties },
      ...{ claimLoad, metrics, tracing },
      ...{ changeClaim: useCases.changeClaim, mutex: shared?.dutyMutex, log: plainLog },
      onReleased(couponName) {
        stockChanged(couponName);
        notifier?.unitsBack(couponName);
      },
    },
    disposers,
  );
  const streamCounts = new StreamCounts(config.streams.openMax);
  const stockStreams = new StockStreams({
    ...{ ...config.streams, counts: streamCounts, views: stockViews, clock: systemClock },
    random: Math.random,
  });
  metrics.read({
    ...{ version, config: configFacts(config), duties: duties.metrics, redis: shared?.metrics },
    lanes: () => lanes.depth(),
    pools: () => ({ batches: forBatches.usage(), queries: forQueries.usage() }),
    soldOut: () => soldOut.size(),
    httpConnections: () => server.connections(),
    eventStreams: () => streamCounts.state(),
    queue: ticketParts &&
      tickets && { ...ticketParts.queueMetrics, waiting: () => tickets.depth() },
    isHistoryLost: () => history.isLost,
    ...{ ...databaseSources({ database: forQueries, relay, checkHealth }), healthSeen },
  });
  const sagaUseCases = createSagaUseCases(forQueries);
  const server = await createHttpServer(httpOptions(config, options), {
    ...useCases,
    ...createWebhookUseCases({
      ...{ database: forQueries, installationId: database.identity },
      ...{ delivery: webhooks, disposers },
    }),
    ...sagaUseCases,
    ...(shared?.stockViews !== undefined && {
      stockCache: {
        ...{ views: stockViews, pages: couponPages },
        maxAgeMs: config.redis.stockCacheMaxAgeMs,
      },
    }),
    consoleLogin: createConsoleLogin(config, { database: forQueries, keys }),
    watch: createWatchUseCases({
      ...{ database: forQueries, installationId: database.identity, views: stockViews },
      ...{ readOutcomes: outcomes.read, readClaims: useCases.readClaims },
      readSagas: sagaUseCases.readSagas,
    }),
    ...(config.streams.openMax > 0 && {
      stockStreams,
      outcomeStreams: new OutcomeStreams({
        ...{ outcomes: outcomes.read, counts: streamCounts, clock: systemClock },
        random: Math.random,
      }),
    }),
    tickets: tickets && httpTickets(config, tickets, streamCounts),
    deadLetters: ticketParts?.deadLetters,
    checkHealth: async () => ({
      ...(await checkHealth()),
      ...{ duties: duties.runner.holders(), queue: tickets?.queueState() },
    }),
    healthFacts: healthFacts(config, database),
    metricsText: metricsTextOf(metrics, options.primary),
    ...{ metricsType: metricsContentType, callAnswered: metrics.callAnswered },
    claimsArrived: metrics.claimsArrived,
    rateLimits: await openRateLimits({ config, shared, refused: metrics.rateLimited }),
    userTokens: await openUserTokens({ ...{ config, keys, metrics, log: plainLog, disposers } }),
    ...{ traceRequest: tracing.traceRequest, log: httpLog(log, tracing) },
  });
  return { server, lanes, tickets, duties: duties.runner, jobs };
}

/** The pools of connections, and what checks that they reach the installation of the start. */
function openDatabaseParts(
  config: Config,
  log: Logger,
  {
    database,
    tracing,
    history,
  }: Pick<ProcessOptions, 'database'> & { tracing: ProcessTracing; history: HistoryGuard },
) {
  const installation = new InstallationWatch({
    identity: database.identity,
    warn: (event, message) => log.warn(event, message),
  });
  const pools = openPools({
    ...{ ...config.database, installation, history, ...database },
    durabilityMin: config.durabilityMin,
    claimTimeoutMs: config.claims.timeoutMs,
    // Only the message: the driver attaches the connection to the error, with its statements and its cancel key.
    onIdleConnectionLost: ({ message }) =>
      log.warn({ reason: message }, 'an idle connection to the database was lost'),
    trace: tracing.traceStatement,
  });
  return { installation, ...pools };
}

function httpOptions({ http, userTokens }: Config, { keys, kind }: ProcessOptions) {
  return {
    ...{ ...http, loopbackOnly: isLoopback(http.host), apiKeys: keys.now },
    ...{ usersMayConfirm: userTokens.mayConfirm, isMonitoringOnly: kind === 'consumer' },
    consoleFolder,
  };
}

function httpTickets(
  { queue, streams }: Config,
  { read }: ProcessTickets,
  counts: StreamCounts,
): HttpTickets {
  const options = { tickets: read, counts, clock: systemClock, random: Math.random };
  return {
    ...{ read, takesClaims: queue.claimMode === 'queued' },
    streams: streams.openMax > 0 ? new TicketStreams(options) : undefined,
  };
}

function healthFacts({ auth }: Config, { kind }: ServedDatabase) {
  return {
    ...{ version, database: kind },
    anonymousAdmin: auth.allowAnonymousAdmin && auth.adminApiKey === undefined,
  };
}

function httpLog(log: Logger, tracing: ProcessTracing): HttpLog {
  return {
    error: (event, message) => log.error(event, message),
    warn: (event, message) => log.warn(event, message),
    info: (event, message) => log.info({ ...event, ...tracing.currentTraceId() }, message),
    debug: log.isLevelEnabled('debug') ? (event, message) => log.debug(event, message) : undefined,
  };
}
