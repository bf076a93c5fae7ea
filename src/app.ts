// SPDX-License-Identifier: GPL-3.0-or-later
/** The composition root: creates what one process of the service runs, and stops it in reverse order. */
import type { Logger } from 'pino';
import { openPools } from './adapters/postgres/connections/open-pools.ts';
import { InstallationWatch } from './adapters/postgres/installation/installation-watch.ts';
import { postgresRemainingStock } from './adapters/postgres/monitoring/remaining-stock.ts';
import type { MetricSources, PrometheusMetrics } from './adapters/prometheus/metric-sources.ts';
import { metricsContentType, prometheusMetrics } from './adapters/prometheus/metrics.ts';
import { systemClock } from './adapters/system/clock.ts';
import { type CurrentKeys, currentKeys } from './app/api-keys.ts';
import { type OpenDatabase, openDatabase, type StartOptions } from './app/database.ts';
import { createDuties } from './app/duties.ts';
import { createEngine } from './app/engine.ts';
import { KeyFiles } from './app/key-files.ts';
import { createLogger } from './app/logger.ts';
import { fewFilesWarning } from './app/open-files.ts';
import { prepareDatabase } from './app/prepare-database.ts';
import { openTracing, type ProcessTracing } from './app/tracing.ts';
import { version } from './app/version.ts';
import { createWebhookUseCases } from './app/webhook-use-cases.ts';
import { createWebhookDelivery, type WebhookDelivery } from './app/webhooks.ts';
import { type Config, isLoopback } from './config.ts';
import type { ClaimLanes } from './core/claims/claim-lanes.ts';
import type { DutyRunner } from './core/duties/duty-runner.ts';
import { AppError } from './core/errors.ts';
import { drain } from './entrypoints/http/drain.ts';
import { assertCanListen, listen } from './entrypoints/http/listen.ts';
import { toEventBody } from './entrypoints/http/schemas/event-body.ts';
import { createHttpServer, type HttpServer } from './entrypoints/http/server.ts';

/** A running service. */
export type App = {
  /** Its base URL, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Where the data is, for people: a folder, or the location of the database. */
  dataLocation: string;
  /** Drains the service and stops everything it started, in order. A second call does no harm. */
  stop(): Promise<void>;
};

/** A migrated database: the schema of its tables and their identity, which all processes of the service share. */
export type ServedDatabase = Pick<OpenDatabase, 'url' | 'kind'> & {
  schema: string;
  identity: string;
};

/** What a process of the service gets from its start or from its primary process. */
export type ProcessOptions = {
  database: ServedDatabase;
  keys: CurrentKeys;
  /** Whether this process runs duties: one process of the service does. */
  runsDuties: boolean;
  /** The primary process, which merges the metrics, when the service has several processes. */
  primary?: {
    /** Undefined when a process does not answer. */
    metricsOfAll(): Promise<{ contentType: string; text: string } | undefined>;
    setSnapshotSource(snapshot: () => Promise<unknown>): void;
  };
};

// A scrape does not wait longer for the database.
const healthMsMax = 1000;

type Disposers = (() => Promise<void>)[];

// Even when the requests in hand took all the time: workers have a second more before they are killed.
const flushMsMin = 250;

/** Starts the service in this process. When that fails it rejects, and nothing is left running. */
export function startApp(config: Config, options: StartOptions): Promise<App> {
  return startOnDatabase(config, options, async (database, log) => {
    const keys = currentKeys(config);
    const keyFiles = new KeyFiles({ config, current: keys, log, clock: systemClock });
    options.onReload?.(() => keyFiles.reload());
    const service = await startProcess(config, log, { database, keys, runsDuties: true });
    return { ...service, stop: keyFiles.watchUntil(service.stop) };
  });
}

/** Opens and migrates the database, then starts what serves on it. */
export async function startOnDatabase(
  config: Config,
  options: StartOptions,
  serve: (database: ServedDatabase, log: Logger) => Promise<{ url: string; stop(): Promise<void> }>,
): Promise<App> {
  const log = createLogger(config);
  for (const warning of config.warnings) log.warn(warning);
  const fewFiles = fewFilesWarning(config);
  if (fewFiles !== undefined) log.warn(fewFiles);
  return startOrUndo(async (disposers) => {
    await assertCanListen(config.http);
    const database = await openDatabase(config, log, options);
    disposers.push(database.close);
    const { schema, identity, durability, ...found } = await prepareDatabase(config, database.url, {
      ...{ log, signal: options.signal },
    });
    for (const warning of found.warnings) log.warn(warning);
    if (found.applied.length > 0) log.info({ schema, applied: found.applied }, 'database migrated');
    if (found.others.length > 0) {
      const level = config.database.schema === undefined ? 'warn' : 'info';
      const event = { schema, others: found.others };
      log[level](event, 'the database has other installations, which are not used');
    }
    const { url, stop } = await serve({ ...database, schema, identity }, log);
    disposers.push(stop);
    log.info(
      {
        ...{ url, version, database: database.kind, schema, durability },
        workers: config.workers,
        ...(config.otlpEndpoint !== undefined && { traces: config.otlpEndpoint }),
      },
      'service started',
    );
    return { url, dataLocation: database.location };
  });
}

/** Starts what one process of the service runs: everything but the database. */
export async function startProcess(
  config: Config,
  log: Logger,
  options: ProcessOptions,
): Promise<{ url: string; stop(): Promise<void> }> {
  return startOrUndo(async (disposers) => {
    const tracing = await openTracing(config, {
      version,
      warn: (event, message) => log.warn(event, message),
    });
    let stopByMs = 0;
    disposers.push(() => tracing.stop(Math.max(flushMsMin, stopByMs - systemClock.nowMs())));
    const composed = await composeProcess(config, log, { ...options, tracing }, disposers);
    const { server, lanes, duties, webhooks } = composed;
    const url = await listen(server, config.http);
    duties.start();
    webhooks.start();
    disposers.push(async () => {
      stopByMs = systemClock.nowMs() + config.shutdown.delayMs + config.shutdown.timeoutMs;
      const drained = drain(server, {
        ...config.shutdown,
        sleep: systemClock.sleep,
        finishClaims: (timeoutMs) => lanes.drain(timeoutMs),
      });
      // At once, so that another node runs the duties and delivers events during the drain.
      await Promise.all([duties.stop(), webhooks.stop(), drained]);
    });
    return { url };
  });
}

/**
 * Runs a start, which adds to `disposers` what stops its components. `stop` runs the disposers, last first; so does a
 * start that fails.
 */
async function startOrUndo<Started>(
  start: (disposers: Disposers) => Promise<Started>,
): Promise<Started & { stop(): Promise<void> }> {
  const disposers: Disposers = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      for (const dispose of disposers.reverse()) await dispose();
    })();
    return stopped;
  };
  try {
    return { ...(await start(disposers)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Creates the engine, its adapters and the HTTP server. What stops them is added to `disposers`. */
async function composeProcess(
  config: Config,
  log: Logger,
  options: ProcessOptions & { tracing: ProcessTracing },
  disposers: Disposers,
): Promise<{
  server: HttpServer;
  lanes: ClaimLanes;
  duties: DutyRunner;
  webhooks: WebhookDelivery;
}> {
  const installation = new InstallationWatch({
    identity: options.database.identity,
    warn: (event, message) => log.warn(event, message),
  });
  const { forBatches, forQueries } = openPools({
    ...config.database,
    installation,
    ...options.database,
    claimTimeoutMs: config.claims.timeoutMs,
    // Only the message: the driver attaches the connection to the error, with its statements and its cancel key.
    onIdleConnectionLost: ({ message }) =>
      log.warn({ reason: message }, 'an idle connection to the database was lost'),
    trace: options.tracing.traceStatement,
  });
  disposers.push(async () => {
    await Promise.all([forBatches.close(), forQueries.close()]);
  });

  const metrics = prometheusMetrics();
  const { lanes, soldOut, checkHealth, ...useCases } = createEngine(
    {
      ...{ forBatches, forQueries, installation },
      limits: config.claims,
      metrics,
      log,
      tracing: options.tracing.claims,
    },
    disposers,
  );
  const plainLog = {
    error: (event: Record<string, unknown>, message: string) => log.error(event, message),
    warn: (event: Record<string, unknown>, message: string) => log.warn(event, message),
    info: (event: Record<string, unknown>, message: string) => log.info(event, message),
    debug: (event: Record<string, unknown>, message: string) => log.debug(event, message),
  };
  const webhooks = createWebhookDelivery({
    ...{ config, installation, forQueries, version, log: plainLog, toBody: toEventBody },
    database: options.database,
  });
  const duties = createDuties({
    ...{ database: forQueries, log: plainLog, relay: webhooks.relay },
    runsDuties: options.runsDuties,
    stockCheckIntervalMs: config.stockCheckIntervalMs,
  });
  const remainingStock = postgresRemainingStock(forQueries);
  metrics.read({
    version,
    config: configFacts(config),
    lanes: () => lanes.depth(),
    pools: () => ({ batches: forBatches.usage(), queries: forQueries.usage() }),
    soldOut: () => soldOut.size(),
    duties: duties.metrics,
    remainingStock: () =>
      Promise.race([remainingStock(), systemClock.sleep(healthMsMax).then(() => [])]),
    httpConnections: () => server.connections(),
    databaseUp: () =>
      Promise.race([
        checkHealth().then(({ healthy }) => healthy),
        systemClock.sleep(healthMsMax).then(() => false),
      ]),
  });
  const server = await createHttpServer(httpOptions(config, options.keys), {
    ...useCases,
    ...createWebhookUseCases({
      ...{ database: forQueries, installationId: options.database.identity },
      ...{ delivery: webhooks, disposers },
    }),
    checkHealth: async () => ({ ...(await checkHealth()), duties: duties.runner.holders() }),
    healthFacts: {
      version,
      database: options.database.kind,
      anonymousAdmin: config.auth.allowAnonymousAdmin && config.auth.adminApiKey === undefined,
    },
    metricsText: metricsTextOf(metrics, options),
    metricsType: metricsContentType,
    callAnswered: metrics.callAnswered,
    traceRequest: options.tracing.traceRequest,
    log: {
      error: (event, message) => log.error(event, message),
      warn: (event, message) => log.warn(event, message),
      info: (event, message) =>
        log.info({ ...event, ...options.tracing.currentTraceId() }, message),
      debug: log.isLevelEnabled('debug')
        ? (event, message) => log.debug(event, message)
        : undefined,
    },
  });
  return { server, lanes, duties: duties.runner, webhooks };
}

/** The metrics of the whole service. Those of changing processes would look like counters that restart. */
function metricsTextOf(metrics: PrometheusMetrics, { primary }: ProcessOptions) {
  if (primary === undefined) return () => metrics.text();
  primary.setSnapshotSource(() => metrics.snapshot());
  return async () => {
    const all = await primary.metricsOfAll();
    if (all !== undefined) return all;
    throw new AppError('unavailable', { detail: 'not all processes report their metrics now' });
  };
}

/** The settings that explain other metrics. */
function configFacts({ claims, database, workers }: Config): MetricSources['config'] {
  return {
    workers: String(workers),
    claim_batch_max: String(claims.batchMax),
    claim_timeout_ms: String(claims.timeoutMs),
    claim_wait_max_ms: String(claims.waitMaxMs),
    claim_connections: String(database.claimConnections),
    query_connections: String(database.queryConnections),
  };
}

function httpOptions({ http }: Config, keys: CurrentKeys) {
  return { ...http, loopbackOnly: isLoopback(http.host), apiKeys: keys.now };
}
