// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Every metric, its help text and its labels. Only this folder imports the metrics library. No label holds a user, and
 * only `coupon_remaining_units` has a coupon: there may be any number of them, and each value makes a series.
 */
import { performance } from 'node:perf_hooks';
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from 'prom-client';
import { type LimitName, limitNames } from '../../core/limits/rate-limit.ts';
import { refusalRules } from '../../core/refusal-rules.ts';
import { AnswerTimes, answerSeconds } from './answer-times.ts';
import { registerDuties } from './duties.ts';
import { registerEventStreams } from './event-streams.ts';
import { registerHealth } from './health.ts';
import { registerHttpConnections } from './http-connections.ts';
import {
  configFactNames,
  type MetricSources,
  type MetricsSnapshot,
  type PoolUse,
  type PrometheusMetrics,
} from './metric-sources.ts';
import { registerQueue } from './queue.ts';
import { registerRedis } from './redis.ts';
import { countStockViews } from './stock-views.ts';
import { countTickets } from './tickets.ts';
import { countUserTokens } from './user-tokens.ts';
import { countWork, registerBacklog } from './webhooks-and-sagas.ts';

/** The media type of the Prometheus text format. */
export const metricsContentType: string = Registry.PROMETHEUS_CONTENT_TYPE;

const answerBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Creates metrics with a registry of their own, so that two services in one process do not share counts. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // With several workers the service started when the first of them did. Without an aggregator the metric is left out.
  Object.assign(registry.getSingleMetric('process_start_time_seconds') ?? {}, {
    aggregator: 'min',
  });

  const answers = new AnswerTimes(answerBuckets);
  // Not among the times: many refusals without a wait would hide how long other claims wait.
  const refusedEarly = new Map<string, number>();
  registry.registerMetric(answerSeconds(answers, answerBuckets) as unknown as Metric);
  new Counter({
    name: 'firstcome_claims_total',
    help: 'Claims answered, by outcome or error code.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const { outcome, count } of answers.read()) this.inc({ outcome }, count);
      for (const [outcome, count] of refusedEarly) this.inc({ outcome }, count);
    },
  });
  const changes = new Counter({
    name: 'firstcome_claim_changes_total',
    help: 'Changes of claims answered (confirm, release, redeem), by outcome or error code.',
    labelNames: ['change', 'outcome'],
    registers,
  });
  for (const change of ['confirm', 'release', 'redeem']) {
    changes.inc({ change, outcome: 'changed' }, 0);
  }
  const shed = new Counter({
    name: 'firstcome_claims_shed_total',
    help: 'Claims, and changes of claims, shed: refused on arrival to limit the load, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const batchSize = new Histogram({
    name: 'firstcome_claim_batch_size',
    help: 'Number of claims, and changes of claims, that one commit decides.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'firstcome_claim_commit_seconds',
    help: 'Time from sending a batch of claims to its answer, including the commit.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const answersLost = new Counter({
    name: 'firstcome_claim_batch_answers_lost_total',
    help: 'Batches of claims whose answer was lost.',
    registers,
  });
  const resolved = new Counter({
    name: 'firstcome_claim_batches_resolved_total',
    help: 'Batches in doubt that were resolved, by resolution.',
    labelNames: ['resolution'],
    registers,
  });
  const inDoubt = new Gauge({
    name: 'firstcome_claim_batches_in_doubt',
    help: 'Batches in doubt: their answer was lost and they are not resolved yet. Their coupons wait.',
    registers,
  });
  const refusals = new Counter({
    name: 'firstcome_database_refusals_total',
    help: 'Correct statements that the database refused, by the rule that refused them.',
    labelNames: ['rule'],
    registers,
  });
  // Every series exists from the start, because Prometheus does not see the first increase of a new one.
  for (const rule of refusalRules) refusals.inc({ rule }, 0);
  // Counted here, since a count in the package takes as long as all else that a limit does for a refusal.
  const rateLimited = new Map<LimitName, number>(limitNames.map((limit) => [limit, 0]));
  new Counter({
    name: 'firstcome_rate_limited_total',
    help: 'Requests refused by a rate limit, by the limit: of an address, of a key, of a user, or of all.',
    labelNames: ['limit'],
    registers,
    collect() {
      this.reset();
      for (const [limit, count] of rateLimited) this.inc({ limit }, count);
    },
  });
  const callSeconds = new Histogram({
    name: 'firstcome_http_request_seconds',
    help: 'Time from the arrival of a request to the end of its response, by operation and status. Without claims, unknown paths, and requests whose client disconnected.',
    labelNames: ['operation', 'status'],
    buckets: answerBuckets,
    registers,
  });
  const claimsPerCall = new Histogram({
    name: 'firstcome_claims_per_call',
    help: 'Number of claims in a call with many claims.',
    buckets: [1, 3, 10, 30, 100, 300, 1000],
    registers,
  });

  return {
    ...countWork(registry),
    ...countStockViews(registry),
    ...countUserTokens(registry),
    answered: (outcome, seconds) => answers.add(outcome, seconds),
    refusedEarly: (code) => void refusedEarly.set(code, (refusedEarly.get(code) ?? 0) + 1),
    changeAnswered: (change, outcome) => changes.inc({ change, outcome }),
    shed: (reason) => shed.inc({ reason }),
    batchDecided(batch) {
      batchSize.observe(batch.size);
      commitSeconds.observe(batch.commitSeconds);
    },
    callAnswered: ({ operation, status, seconds }) =>
      callSeconds.observe({ operation, status }, seconds),
    claimsArrived: (claims) => claimsPerCall.observe(claims),
    batchUnknown() {
      answersLost.inc();
      inDoubt.inc();
    },
    batchResolved(resolution) {
      resolved.inc({ resolution });
      inDoubt.dec();
    },
    statementRefused: (rule) => refusals.inc({ rule }),
    rateLimited: (limit) => void rateLimited.set(limit, (rateLimited.get(limit) ?? 0) + 1),
    countTickets: () => countTickets(registry),
    read: (sources) => registerSources(registry, sources),
    snapshot: () => registry.getMetricsAsJSON() as Promise<unknown> as Promise<MetricsSnapshot>,
    async text() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    async describe() {
      const metrics = await registry.getMetricsAsJSON();
      return metrics.map(({ name, type, help }) => ({ name, type: String(type), help }));
    },
  };
}

type Reading = { labels?: Record<string, string>; value: number };

function registerSources(registry: Registry, sources: MetricSources): void {
  const gauge = (
    [name, help]: [string, string],
    read: () => Reading[] | Promise<Reading[]>,
    options: { labelNames?: string[]; aggregator?: 'max' | 'min' | 'first' } = {},
  ) =>
    new Gauge({
      ...{ name: `firstcome_${name}`, help, registers: [registry], ...options },
      async collect() {
        const readings = await read();
        this.reset();
        for (const { labels = {}, value } of readings) this.set(labels, value);
      },
    });
  const one = (value: number): Reading[] => [{ value }];
  const byPool = (state: (use: PoolUse) => Reading[]) => () =>
    Object.entries(sources.pools()).flatMap(([pool, use]) =>
      state(use).map(({ labels, value }) => ({ labels: { pool, ...labels }, value })),
    );
  const [first, max] = [{ aggregator: 'first' }, { aggregator: 'max' }] as const;

  gauge(
    ['build_info', 'Always 1. The labels show the versions of the service and of Node.'],
    () => [{ labels: { version: sources.version, node: process.version }, value: 1 }],
    { ...first, labelNames: ['version', 'node'] },
  );
  gauge(
    ['config_info', 'Always 1. The labels show the settings that explain other metrics.'],
    () => [{ labels: sources.config, value: 1 }],
    { ...first, labelNames: [...configFactNames] },
  );
  gauge(['claims_waiting', 'Claims, and changes of claims, without an answer yet.'], () =>
    one(sources.lanes().waiting),
  );
  gauge(['claim_lanes', 'Coupons with claims in progress.'], () => one(sources.lanes().lanes));
  gauge(
    ['claim_oldest_seconds', 'Age of the claim, or change of one, that has waited longest.'],
    () => one(sources.lanes().oldestMs / 1000),
    max,
  );
  // Each worker caches the same coupons, so a sum would count them several times.
  gauge(
    ['sold_out_coupons', 'Sold-out coupons whose claims the cache refuses.'],
    () => one(sources.soldOut().coupons),
    max,
  );
  gauge(
    ['sold_out_holders', 'Holders in the sold-out cache.'],
    () => one(sources.soldOut().holders),
    max,
  );
  gauge(
    ['database_connections', 'Connections to the database, by pool and state.'],
    byPool(({ total, idle }) => [
      { labels: { state: 'idle' }, value: idle },
      { labels: { state: 'used' }, value: total - idle },
    ]),
    { labelNames: ['pool', 'state'] },
  );
  gauge(
    ['database_connections_max', 'Limit of the connections to the database, by pool.'],
    byPool((use) => one(use.max)),
    { labelNames: ['pool'] },
  );
  gauge(
    ['database_connection_waiters', 'Statements that wait for a connection, by pool.'],
    byPool((use) => one(use.waiting)),
    { labelNames: ['pool'] },
  );
  registerHttpConnections(registry, () => sources.httpConnections());
  registerEventStreams(registry, () => sources.eventStreams());
  registerHealth(registry, sources);
  gauge(
    [
      'history_lost',
      '1 while calls are refused because the database lacks batches that were acknowledged, else 0.',
    ],
    () => one(Number(sources.isHistoryLost())),
    max,
  );
  let before = performance.eventLoopUtilization();
  gauge(
    [
      'event_loop_utilization_ratio',
      'Share of the time since the last scrape in which the event loop was busy.',
    ],
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return one(utilization);
    },
    max,
  );
  // Stock mostly falls, so the lowest value that a worker read is the latest.
  gauge(
    ['coupon_remaining_units', 'Units left of the 20 newest coupons that are not closed.'],
    async () => {
      const stock = await sources.remainingStock();
      return stock.map(({ coupon, units }) => ({ labels: { coupon }, value: units }));
    },
    { aggregator: 'min', labelNames: ['coupon'] },
  );
  registerDuties(registry, () => sources.duties());
  registerBacklog(registry, sources);
  if (sources.redis !== undefined) registerRedis(registry, sources.redis);
  if (sources.queue !== undefined) registerQueue(registry, sources.queue);
}
