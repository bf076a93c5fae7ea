// SPDX-License-Identifier: GPL-3.0-or-later
/** The composition root: the one file that knows every part, joins them, and takes them apart in reverse order. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Logger, pino } from 'pino';
import {
  type EmbeddedPostgres,
  findRunningServer,
  startEmbeddedPostgres,
} from './adapters/embedded-postgres/embedded-postgres.ts';
import { postgresClaimReader, postgresClaimStore } from './adapters/postgres/claim-store.ts';
import { postgresCouponStore } from './adapters/postgres/coupon-store.ts';
import { postgresHealth } from './adapters/postgres/health.ts';
import { migrate } from './adapters/postgres/migrate.ts';
import { openPools } from './adapters/postgres/pools.ts';
import { prometheusMetrics } from './adapters/prometheus/metrics.ts';
import { systemClock } from './adapters/system/clock.ts';
import { idFor, newId } from './adapters/system/ids.ts';
import { type Config, isLoopback, loadConfig, printConfig, settingsHelp } from './config.ts';
import { claimCouponWith } from './core/claims/claim-coupon.ts';
import { ClaimLanes } from './core/claims/claim-lanes.ts';
import { KnownCoupons } from './core/claims/known-coupons.ts';
import { readClaimsWith } from './core/claims/read-claims.ts';
import { withMetrics } from './core/claims/with-metrics.ts';
import { manageCouponWith } from './core/coupons/manage-coupon.ts';
import { readCouponsWith } from './core/coupons/read-coupons.ts';
import type { Program } from './entrypoints/cli/program.ts';
import { assertCanListen, leave, listen } from './entrypoints/http/listen.ts';
import { createHttpServer, type HttpServer } from './entrypoints/http/server.ts';

/** A service that runs. */
export type App = {
  /** Where it answers, such as `http://127.0.0.1:8080`. */
  url: string;
  /** Where the data lies, for people: a folder, or the place of the database. */
  dataPlace: string;
  /** Answers what is under way, ends all parts in order, and leaves nothing running. Twice is the same as once. */
  stop(): Promise<void>;
};

const couponNamesRememberedMax = 100_000;

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

/** Starts the service. Rejects, with nothing left running, when it cannot; `say` hears what takes time. */
export async function startApp(
  config: Config,
  options: { say(line: string): void; signal?: AbortSignal },
): Promise<App> {
  const log = createLogger(config);
  for (const warning of config.warnings) log.warn(warning);
  const stops: (() => Promise<void>)[] = [];
  const stop = once(async () => {
    for (const stopPart of stops.reverse()) await stopPart();
  });
  try {
    await assertCanListen(config.http);
    const { url: databaseUrl, bundled } = await openDatabase(config, log, options);
    if (bundled) stops.push(() => bundled.stop());
    const applied = await migrate({
      url: databaseUrl,
      connectTimeoutMs: config.database.connectTimeoutMs,
      sleep: systemClock.sleep,
    });
    if (applied.length > 0) log.info({ applied }, 'database migrated');
    const { server, lanes } = await joinParts(
      config,
      log,
      { databaseUrl, bundled: !!bundled },
      stops,
    );
    const url = await listen(server, config.http);
    stops.push(() =>
      leave(server, {
        ...config.shutdown,
        sleep: systemClock.sleep,
        finishClaims: (timeoutMs) => lanes.stop(timeoutMs),
      }),
    );
    log.info({ url, version, database: bundled ? 'bundled' : 'external' }, 'service started');
    return {
      url,
      dataPlace: bundled ? resolve(config.dataDir) : placeOf(databaseUrl),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openDatabase(
  config: Config,
  log: Logger,
  options: { say(line: string): void; signal?: AbortSignal },
): Promise<{ url: string; bundled: EmbeddedPostgres | undefined }> {
  const given = config.database.url?.reveal();
  if (given !== undefined) return { url: given, bundled: undefined };
  const bundled = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    say: options.say,
    // That it runs as it should is told by what it serves.
    log: ({ level, message, ...event }) => log[level === 'info' ? 'debug' : level](event, message),
    ...(options.signal && { signal: options.signal }),
  });
  return { url: bundled.url, bundled };
}

/** Joins core, adapters and the HTTP entrypoint; what must be ended goes to `stops`. */
async function joinParts(
  config: Config,
  log: Logger,
  database: { databaseUrl: string; bundled: boolean },
  stops: (() => Promise<void>)[],
): Promise<{ server: HttpServer; lanes: ClaimLanes }> {
  const { forBatches, forQueries } = openPools({
    ...config.database,
    url: database.databaseUrl,
    claimTimeoutMs: config.claims.timeoutMs,
    onIdleConnectionLost: (error) =>
      log.warn({ err: error }, 'an idle connection to the database was lost'),
  });
  stops.push(async () => {
    await Promise.all([forBatches.close(), forQueries.close()]);
  });

  const metrics = prometheusMetrics();
  const claimStore = postgresClaimStore({ forBatches, forQueries, nowMs: systemClock.nowMs });
  const couponStore = postgresCouponStore(forQueries);
  const knownCoupons = new KnownCoupons({
    store: claimStore,
    namesMax: couponNamesRememberedMax,
    waitingMax: config.claims.waitingMax,
  });
  const lanes = new ClaimLanes({
    store: claimStore,
    limits: { ...config.claims, batchesUnderWayMax: config.database.claimConnections },
    clock: systemClock,
    metrics,
    log,
    newBatchId: newId,
    couponGone: (name) => knownCoupons.forget(name),
  });
  stops.push(() => lanes.stop(0));
  metrics.read({
    version,
    lanes: () => lanes.depth(),
    pools: () => ({ batches: forBatches.use(), queries: forQueries.use() }),
  });

  const claimCoupon = claimCouponWith({ knownCoupons, lanes, newClaimId: newId });
  const server = await createHttpServer(httpOptions(config), {
    claimCoupon: withMetrics(claimCoupon, metrics),
    readCoupons: readCouponsWith(couponStore, config.claims.waitingMax),
    manageCoupon: manageCouponWith({ store: couponStore, newBatchId: newId, batchIdFor: idFor }),
    readClaims: readClaimsWith(postgresClaimReader(forQueries)),
    checkHealth: postgresHealth(forQueries),
    healthFacts: {
      version,
      database: database.bundled ? 'bundled' : 'external',
      anonymousAdmin: config.auth.allowAnonymousAdmin && config.auth.adminApiKey === undefined,
    },
    metricsText: () => metrics.text(),
    log: {
      error: (event, message) => log.error(event, message),
      info: (event, message) => log.info(event, message),
      debug: log.isLevelEnabled('debug')
        ? (event, message) => log.debug(event, message)
        : undefined,
    },
  });
  return { server, lanes };
}

function httpOptions(config: Config) {
  const { http, auth } = config;
  return {
    ...http,
    loopbackOnly: isLoopback(http.host),
    adminApiKey: auth.adminApiKey?.reveal(),
    claimApiKey: auth.claimApiKey?.reveal(),
  };
}

function createLogger(config: Config): Logger {
  // Standard output is for people; the events, one JSON line each, go to standard error.
  return pino(
    {
      level: config.logLevel,
      base: { service: 'firstcome' },
      redact: ['authorization', '*.authorization', 'headers.authorization', 'url.password'],
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host || 'its default host'}${pathname}`;
}

function once(run: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= run();
    return done;
  };
}

// A terminal sends its signal to npm and to the service, and npm sends it on: these are one wish, not two.
const secondSignalAfterMs = 1000;

/** What the command line can do, over the configuration in the environment. */
export function createProgram(): Program {
  return {
    version,
    config: () => printConfig(loadConfig()),
    settingsHelp,

    async migrate() {
      const config = loadConfig();
      const log = createLogger(config);
      const running =
        config.database.url === undefined ? await findRunningServer(config.dataDir) : undefined;
      const database = running
        ? { url: running.url, bundled: undefined }
        : await openDatabase(config, log, { say: sayOnTerminal });
      try {
        const { connectTimeoutMs } = config.database;
        return await migrate({ url: database.url, connectTimeoutMs, sleep: systemClock.sleep });
      } finally {
        await database.bundled?.stop();
      }
    },

    async serve() {
      const config = loadConfig();
      const stopping = new AbortController();
      const stopped = new Promise<void>((resolve) => {
        let firstMs: number | undefined;
        const onSignal = (signal: NodeJS.Signals) => {
          const nowMs = systemClock.nowMs();
          if (firstMs === undefined) {
            firstMs = nowMs;
            stopping.abort();
            resolve();
          } else if (nowMs - firstMs > secondSignalAfterMs) {
            process.exit(signal === 'SIGINT' ? 130 : 143);
          }
        };
        process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
      });
      let app: App;
      try {
        app = await startApp(config, { say: sayOnTerminal, signal: stopping.signal });
      } catch (error) {
        if (stopping.signal.aborted) return;
        throw error;
      }
      sayOnTerminal(welcome(app));
      await stopped;
      sayOnTerminal('stopping: answering what is under way');
      await app.stop();
    },
  };
}

function sayOnTerminal(line: string): void {
  process.stdout.write(`${line}\n`);
}

function welcome(app: App): string {
  const json = `-H 'Content-Type: application/json'`;
  return `
firstcome ${version} serves on ${app.url}
data: ${app.dataPlace}

Create a coupon, and claim it:
  curl ${app.url}/api/coupons ${json} -d '{"name":"LAUNCH","amount":100}'
  curl ${app.url}/api/coupons/claim ${json} -d '{"user_id":"ada","coupon_name":"LAUNCH"}'

Read on: ${app.url}/docs   Stop: Ctrl-C
`;
}
