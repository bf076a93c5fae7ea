// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the delivery of events in one process. Its packages are loaded, and its connections opened, once there is a webhook. */
import { performance } from 'node:perf_hooks';
import { endsWithin } from '../adapters/postgres/connections/ends-within.ts';
import { openJobPool } from '../adapters/postgres/connections/open-job-pool.ts';
import { Database } from '../adapters/postgres/database.ts';
import { postgresDeliveries } from '../adapters/postgres/events/delivery-store.ts';
import { postgresEventRelay } from '../adapters/postgres/events/event-relay-store.ts';
import { postgresJobWorkers } from '../adapters/postgres/events/job-workers.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import type { Duty } from '../core/duties/ports.ts';
import { createFailureReport, repeat } from '../core/duties/repeat.ts';
import { AppError } from '../core/errors.ts';
import { EventRelay } from '../core/events/event-relay.ts';
import { deliverToWebhook } from '../core/webhooks/deliver-to-webhook.ts';
import type { DeliveryStore, SendEvent } from '../core/webhooks/ports.ts';
import type { Event } from '../core/webhooks/webhook.ts';

/** What the delivery works with. */
export type WebhookOptions = {
  config: Config;
  database: { url: string; schema: string; identity: string };
  installation: InstallationWatch;
  /** For reads that are no part of a delivery. */
  forQueries: Database;
  version: string;
  /** The body of an event as the API describes it. */
  toBody(event: Event): string;
  log: Record<'debug' | 'info' | 'warn', (event: Record<string, unknown>, message: string) => void>;
};

/** The delivery of events by one process, not started yet. */
export type WebhookDelivery = {
  /** The duty that turns the ledger into events. */
  relay: Duty;
  /** Sends one event now, as a delivery would. Rejects with an `AppError` where a package is not installed. */
  send: SendEvent;
  /** Why events may not be sent to a URL; undefined if they may. Rejects as `send` does. */
  whyForbidden(url: string): Promise<string | undefined>;
  start(): void;
  stop(): Promise<void>;
};

const watchMs = 1_000;
const reportMs = 3_000;
// A process that has said nothing for this long is gone or paused. Its work may begin elsewhere.
const silentMs = 9_000;
// A process that stops does not wait longer for the database. Others run its jobs once it is silent.
const stopMsMax = 1_000;
const webhooksAtOnce = 16;
const inFlightMost = 32;
const inFlightWhileBusy = 2;
// From here on the requests of clients need the event loop.
const busyUtilization = 0.8;

/** Creates the delivery of events. */
export function createWebhookDelivery(options: WebhookOptions): WebhookDelivery {
  const { config, forQueries, log } = options;
  const sender = once(() => openSender(options));
  const stopping = new AbortController();
  const { signal } = stopping;
  const deliveries = postgresDeliveries(forQueries, options.database.identity);
  let jobs: Promise<Jobs> | undefined;
  const openJobsOnce = () => {
    if (jobs !== undefined) return jobs;
    // The next look opens them again.
    const forget = () => {
      if (jobs === opening) jobs = undefined;
    };
    const opening = openJobs(options, sender, () => {
      forget();
      log.warn({}, 'the jobs that deliver events have ended; they are started again');
      opening.then((opened) => opened.close()).catch(() => undefined);
    });
    jobs = opening;
    opening.catch(forget);
    return opening;
  };
  const report = createFailureReport({
    ...{ clock: systemClock, warn: log.warn },
    message: 'events cannot be delivered; it is tried again',
  });
  const relay = new EventRelay({
    ...{ store: postgresEventRelay(forQueries), clock: systemClock, warn: log.warn },
    async onLooked() {
      if (!(await deliveries.hasWebhooks()) || signal.aborted) return;
      const opened = await openJobsOnce();
      await opened.takeOver();
      await opened.runner.ensure(await deliveries.findDueWebhooks());
    },
  });
  let ended = Promise.resolve();
  return {
    relay,
    send: async (...args) => (await sender()).send(...args),
    whyForbidden: async (url) => (await sender()).whyForbidden(url),
    start() {
      let reportedMs = Number.NEGATIVE_INFINITY;
      ended = repeat({
        ...{ clock: systemClock, everyMs: watchMs, signal, report },
        async look() {
          if (jobs === undefined && !(await deliveries.hasWebhooks())) return;
          const opened = await openJobsOnce();
          if (systemClock.nowMs() - reportedMs < reportMs) return;
          await opened.reportAlive();
          reportedMs = systemClock.nowMs();
        },
      });
    },
    async stop() {
      stopping.abort();
      await endsWithin(ended, stopMsMax);
      const closed = jobs?.then((opened) => opened.close()).catch(() => undefined);
      // The close has limits of its own; what is still being opened has those of its connections.
      if (closed) await endsWithin(closed, 3 * stopMsMax);
      if (sender.isCalled()) (await sender().catch(() => undefined))?.close();
    },
  };

  async function openSender({ version }: WebhookOptions) {
    const [{ createSendEvent }, { whyForbidden }] = await Promise.all([
      import('../adapters/webhooks/send-event.ts'),
      import('../adapters/webhooks/receiver-url.ts'),
    ]).catch(toUnavailable);
    const { allowHttp, allowedReceivers } = config.webhooks;
    const rules = { allowsHttp: allowHttp, allowed: allowedReceivers };
    return {
      ...createSendEvent({ rules, userAgent: `firstcome/${version}` }),
      whyForbidden: (url: string) => whyForbidden(url, rules),
    };
  }
}

type Sender = () => Promise<{ send: SendEvent }>;
type Jobs = Awaited<ReturnType<typeof openJobs>>;

/** Opens the connections of the jobs, and begins to run them. */
async function openJobs(options: WebhookOptions, sender: Sender, onGivenUp: () => void) {
  const { config, database, installation, log, toBody } = options;
  const { connectTimeoutMs, lockTimeoutMs, statementTimeoutMs } = config.database;
  const { startJobRunner } = await import('../adapters/graphile-worker/job-runner.ts').catch(
    toUnavailable,
  );
  const { send } = await sender();
  const onLost = ({ message }: Error) =>
    log.warn({ reason: message }, 'a connection of the jobs was lost');
  const connection = new Database({
    ...{ ...database, connectionsMax: 1, connectTimeoutMs, lockTimeoutMs, statementTimeoutMs },
    ...{ answerTimeoutMs: statementTimeoutMs, session: { writes: true, installation } },
    onIdleConnectionLost: onLost,
  });
  const { pool, close: closePool } = openJobPool({
    ...{ url: database.url, connectTimeoutMs, statementTimeoutMs, installation },
    ...{ connectionsMax: config.webhooks.connections - 1, onConnectionLost: onLost },
  });
  const store: DeliveryStore = postgresDeliveries(connection, database.identity);
  const workers = postgresJobWorkers(connection);
  const closeConnections = async () => {
    await Promise.all([closePool(), connection.close()]);
  };
  const runner = await startJobRunner({
    ...{ pool, schema: `${database.schema}_jobs`, task: 'deliver', concurrency: webhooksAtOnce },
    ...{ onGivenUp, log: (level, event, message) => log[level](event, message) },
    work: (webhookId, signal) =>
      deliverToWebhook(
        {
          ...{ store, send, toBody, clock: systemClock, random: Math.random },
          epochMs: Date.now,
          inFlightMax: inFlightByLoad(),
        },
        webhookId,
        signal,
      ),
  }).catch(async (error) => {
    await closeConnections();
    throw error;
  });
  return {
    runner,
    reportAlive: () => workers.report(runner.workerIds()),
    /** Lets this and other processes run the jobs of those that are gone. */
    async takeOver() {
      const silent = await workers.findSilent(silentMs);
      if (silent.length === 0) return;
      log.warn({ workers: silent }, 'the jobs of processes that are gone run elsewhere');
      await runner.unlock(silent);
      await workers.forget(silent);
    },
    async close() {
      const given = runner.close().then(() => workers.forget(runner.workerIds()));
      await endsWithin(given, stopMsMax).catch(() => undefined);
      await closeConnections();
    },
  };
}

/** Few requests at a time while the event loop is busy with those of clients. */
function inFlightByLoad(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization > busyUtilization ? inFlightWhileBusy : inFlightMost;
  };
}

function once<Value>(open: () => Promise<Value>) {
  let opened: Promise<Value> | undefined;
  return Object.assign(
    () => {
      opened ??= open();
      return opened;
    },
    { isCalled: () => opened !== undefined },
  );
}

function toUnavailable(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  const missing = /'(graphile-worker|ipaddr\.js)/.exec(message)?.[1];
  if (code !== 'ERR_MODULE_NOT_FOUND' || missing === undefined) throw error;
  throw new AppError('unavailable', {
    detail: `the package ${missing} is not installed; install the optional dependencies, and restart the service`,
  });
}
