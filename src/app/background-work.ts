// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the work that goes on behind the requests of one process: events, webhooks, sagas and duties. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresEventRelay } from '../adapters/postgres/events/event-relay-store.ts';
import type { InstallationWatch } from '../adapters/postgres/installation/installation-watch.ts';
import type { PrometheusMetrics } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import type { ChangeClaim } from '../core/claims/change-claim.ts';
import type { DutyMutex } from '../core/duties/duty-mutex.ts';
import { EventRelay } from '../core/events/event-relay.ts';
import type { HistoryGuard } from '../core/history/history-guard.ts';
import { toEventBody } from '../entrypoints/http/schemas/event-body.ts';
import { byLoad } from './by-load.ts';
import type { measureClaimLoad } from './claim-load.ts';
import { createDuties, type ProcessDuties } from './duties.ts';
import { createJobs, type ProcessJobs } from './jobs.ts';
import type { PlainLog } from './logger.ts';
import { prepareSagas } from './sagas.ts';
import type { Disposers } from './start-or-undo.ts';
import { ticketTimesOf } from './ticket-times.ts';
import type { ProcessTracing } from './tracing.ts';
import { version } from './version.ts';
import { createWebhookDelivery, type WebhookDelivery } from './webhooks.ts';

/** What the work needs. */
export type BackgroundWorkOptions = {
  config: Config;
  database: { url: string; schema: string; identity: string };
  installation: InstallationWatch;
  history: HistoryGuard;
  forQueries: Database;
  runsDuties: boolean;
  changeClaim: ChangeClaim;
  claimLoad: ReturnType<typeof measureClaimLoad>;
  /** The expiry sweep has released holds of this coupon. */
  onReleased(couponName: string): void;
  mutex: DutyMutex | undefined;
  metrics: PrometheusMetrics;
  tracing: ProcessTracing;
  log: PlainLog;
};

/** The work of one process, not started yet. */
export type BackgroundWork = {
  webhooks: WebhookDelivery;
  relay: EventRelay;
  jobs: ProcessJobs;
  duties: ProcessDuties;
};

const restFactors = { idle: 3, busy: 10, besideClaims: 50 };

/** Creates the work. What ends it is added to `disposers`. Rejects where a saga cannot be run. */
export async function createBackgroundWork(
  options: BackgroundWorkOptions,
  disposers: Disposers,
): Promise<BackgroundWork> {
  const { config, database, forQueries, installation, history } = options;
  const { claimLoad, metrics, tracing, log } = options;
  const isNeeded = () => duties.runner.isNeeded('event_relay');
  const shared = { config, forQueries, metrics, claimLoad, version, isNeeded };
  const webhooks = createWebhookDelivery({
    ...{ ...shared, toBody: toEventBody, traceSend: tracing.traceSend },
    installationId: database.identity,
  });
  disposers.push(() => webhooks.close());
  const sagas = await prepareSagas({
    ...{ ...shared, changeClaim: options.changeClaim, log, traceCall: tracing.traceCall },
  });
  disposers.push(() => sagas.close());
  const jobs = createJobs({
    ...{ config, installation, history, database, metrics, log },
    kinds: [sagas.job, webhooks.job],
  });
  const restFactor = byLoad(restFactors.idle, restFactors.busy);
  const relay = new EventRelay({
    ...{ store: postgresEventRelay(forQueries), clock: systemClock, isNeeded, warn: log.warn },
    restFactor: () => (claimLoad.isHigh() ? restFactors.besideClaims : restFactor()),
  });
  const duties = createDuties({
    ...{ database: forQueries, log, events: { relay, jobs } },
    ...{ runsDuties: options.runsDuties, onReleased: options.onReleased, mutex: options.mutex },
    stockCheckIntervalMs: config.stockCheckIntervalMs,
    ticketRetentionSeconds: ticketTimesOf(config).retentionSeconds,
  });
  return { webhooks, relay, jobs, duties };
}
