// SPDX-License-Identifier: GPL-3.0-or-later
/** What a scrape reads from the settings and from the database. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresBacklog } from '../adapters/postgres/monitoring/backlog.ts';
import { postgresRemainingStock } from '../adapters/postgres/monitoring/remaining-stock.ts';
import type { MetricSources, PrometheusMetrics } from '../adapters/prometheus/metric-sources.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { AppError } from '../core/errors.ts';
import type { EventRelay } from '../core/events/event-relay.ts';

// A scrape does not wait longer for the database.
const databaseMsMax = 1000;

function within<Value>(reading: Promise<Value>, otherwise: Value): Promise<Value> {
  return Promise.race([reading, systemClock.sleep(databaseMsMax).then(() => otherwise)]);
}

/** The sources that need the database. */
export function databaseSources(options: {
  database: Database;
  /** Only the process that runs it measures the backlog. */
  relay: Pick<EventRelay, 'state'>;
  checkHealth(): Promise<{ healthy: boolean }>;
}): Pick<MetricSources, 'remainingStock' | 'backlog' | 'databaseUp'> {
  const { database, relay, checkHealth } = options;
  const remainingStock = postgresRemainingStock(database);
  const measureBacklog = postgresBacklog(database);
  return {
    remainingStock: () => within(remainingStock(), []),
    backlog: async () =>
      relay.state() === undefined ? undefined : within(measureBacklog(), undefined),
    databaseUp: async () => (await within(checkHealth(), { healthy: false })).healthy,
  };
}

/** The settings that explain other metrics. */
export function configFacts({ claims, database, workers }: Config): MetricSources['config'] {
  return {
    workers: String(workers),
    claim_batch_max: String(claims.batchMax),
    claim_timeout_ms: String(claims.timeoutMs),
    claim_wait_max_ms: String(claims.waitMaxMs),
    claim_connections: String(database.claimConnections),
    query_connections: String(database.queryConnections),
  };
}

/** The process that merges the metrics of all processes of the service. */
export type PrimaryProcess = {
  /** Undefined when a process does not answer. */
  metricsOfAll(): Promise<{ contentType: string; text: string } | undefined>;
  setSnapshotSource(snapshot: () => Promise<unknown>): void;
};

/** The metrics of the whole service. Those of changing processes would look like counters that restart. */
export function metricsTextOf(
  metrics: PrometheusMetrics,
  primary: PrimaryProcess | undefined,
): () => Promise<{ contentType: string; text: string }> {
  if (primary === undefined) return () => metrics.text();
  primary.setSnapshotSource(() => metrics.snapshot());
  return async () => {
    const all = await primary.metricsOfAll();
    if (all !== undefined) return all;
    throw new AppError('unavailable', { detail: 'not all processes report their metrics now' });
  };
}
