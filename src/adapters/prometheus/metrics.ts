// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Every metric, its help text and its labels. Only this folder knows the library behind them. No coupon and no user is
 * ever a label: anyone could invent more.
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
import { refusalRules } from '../../core/refusal-rules.ts';
import { AnswerTimes } from './answer-times.ts';
import { registerHttpConnections } from './http-connections.ts';
import {
  configFactNames,
  type MetricSources,
  type MetricsSnapshot,
  type PoolUse,
  type PrometheusMetrics,
} from './metric-sources.ts';

/** The media type of the metrics, also where nothing is collected. */
export const metricsContentType: string = Registry.PROMETHEUS_CONTENT_TYPE;

const answerBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A registry of its own, so that several services in one process do not share numbers. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Else left out where there are several workers: they started when the first of them did.
  Object.assign(registry.getSingleMetric('process_start_time_seconds') ?? {}, {
    aggregator: 'min',
  });

  const answers = new AnswerTimes(answerBuckets);
  registry.registerMetric(answerSeconds(answers) as unknown as Metric);
  new Counter({
    name: 'firstcome_claims_total',
    help: 'Claims answered, by outcome or by the code of the fault.',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const { outcome, count } of answers.read()) this.inc({ outcome }, count);
    },
  });
  const shed = new Counter({
    name: 'firstcome_claims_shed_total',
    help: 'Claims refused at their arrival because too much was waiting, by what it was.',
    labelNames: ['reason'],
    registers,
  });
  const batchSize = new Histogram({
    name: 'firstcome_claim_batch_size',
    help: 'Claims decided by one commit.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'firstcome_claim_commit_seconds',
    help: 'From the sending of a batch of claims to its answer, the commit included.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const unknown = new Counter({
    name: 'firstcome_claim_batches_unknown_total',
    help: 'Batches of claims whose answer was lost.',
    registers,
  });
  const settled = new Counter({
    name: 'firstcome_claim_batches_settled_total',
    help: 'Batches whose answer was lost, by how they were settled: committed before, or void.',
    labelNames: ['settled'],
    registers,
  });
  const unsettled = new Gauge({
    name: 'firstcome_claim_batches_unsettled',
    help: 'Batches whose answer was lost and that are not settled yet; their coupons wait.',
    registers,
  });
  const refusals = new Counter({
    name: 'firstcome_database_refusals_total',
    help: 'Statements that the database refused by a rule that no caller can keep, by that rule.',
    labelNames: ['rule'],
    registers,
  });
  // From the start: the first increase of a series that was not there before is not seen.
  for (const rule of refusalRules) refusals.inc({ rule }, 0);
  const callSeconds = new Histogram({
    name: 'firstcome_http_request_seconds',
    help: 'From the arrival of a request to the end of its answer, by operation and status. Claims, paths that are none, and calls whose client left before are not in it.',
    labelNames: ['operation', 'status'],
    buckets: answerBuckets,
    registers,
  });

  return {
    answered: (outcome, seconds) => answers.add(outcome, seconds),
    shed: (reason) => shed.inc({ reason }),
    batchDecided(batch) {
      batchSize.observe(batch.size);
      commitSeconds.observe(batch.commitSeconds);
    },
    callAnswered: ({ operation, status, seconds }) =>
      callSeconds.observe({ operation, status }, seconds),
    batchUnknown() {
      unknown.inc();
      unsettled.inc();
    },
    batchResolved(how) {
      settled.inc({ settled: how });
      unsettled.dec();
    },
    statementRefused: (rule) => refusals.inc({ rule }),
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

/** The time from a claim's arrival to its answer, in the form in which the library takes a metric. */
function answerSeconds(answers: AnswerTimes) {
  const [name, type, aggregator] = ['firstcome_claim_answer_seconds', 'histogram', 'sum'];
  const help = 'From the arrival of a claim to its answer, by outcome or by the code of the fault.';
  const get = () => {
    const values = answers.read().flatMap(({ outcome, below, sum, count }) => [
      ...below.map((value, index) => ({
        labels: { le: answerBuckets[index] ?? '+Inf', outcome },
        ...{ value, metricName: `${name}_bucket` },
      })),
      { labels: { outcome }, value: sum, metricName: `${name}_sum` },
      { labels: { outcome }, value: count, metricName: `${name}_count` },
    ]);
    return { name, help, type, aggregator, values };
  };
  return { name, help, type, aggregator, get, reset: () => answers.clear() };
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
    ['build_info', 'Always 1; the labels tell what runs.'],
    () => [{ labels: { version: sources.version, node: process.version }, value: 1 }],
    { ...first, labelNames: ['version', 'node'] },
  );
  gauge(
    ['config_info', 'Always 1; the labels tell settings that explain other numbers.'],
    () => [{ labels: sources.config, value: 1 }],
    { ...first, labelNames: [...configFactNames] },
  );
  gauge(['claims_waiting', 'Claims that are not answered yet.'], () =>
    one(sources.lanes().waiting),
  );
  gauge(['claim_lanes', 'Coupons with claims under way.'], () => one(sources.lanes().lanes));
  gauge(
    ['claim_oldest_seconds', 'Age of the longest waiting claim.'],
    () => one(sources.lanes().oldestMs / 1000),
    max,
  );
  // Each worker remembers the same coupons for itself.
  gauge(
    ['sold_out_coupons', 'Sold out coupons whose holders are remembered.'],
    () => one(sources.soldOut().coupons),
    max,
  );
  gauge(
    ['sold_out_holders', 'Holders of sold out coupons that are remembered.'],
    () => one(sources.soldOut().holders),
    max,
  );
  gauge(
    ['database_connections', 'Connections to the database, by pool and whether they are in use.'],
    byPool(({ total, idle }) => [
      { labels: { state: 'idle' }, value: idle },
      { labels: { state: 'used' }, value: total - idle },
    ]),
    { labelNames: ['pool', 'state'] },
  );
  gauge(
    ['database_connections_max', 'Connections to the database that a pool may have.'],
    byPool((use) => one(use.max)),
    { labelNames: ['pool'] },
  );
  gauge(
    ['database_connection_waiters', 'Statements that wait for a connection, by pool.'],
    byPool((use) => one(use.waiting)),
    { labelNames: ['pool'] },
  );
  registerHttpConnections(registry, () => sources.httpConnections());
  gauge(
    ['database_up', 'Whether the database, bundled or not, can decide claims.'],
    async () => one(Number(await sources.databaseUp())),
    { aggregator: 'min' },
  );
  let before = performance.eventLoopUtilization();
  gauge(
    [
      'event_loop_utilization_ratio',
      'Share of the time since the last scrape in which it was busy.',
    ],
    () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      return one(utilization);
    },
    max,
  );
  gauge(
    ['stock_difference_units', 'By how many units stock, claims and ledger disagree. Must be 0.'],
    () => one(sources.stockCheck().difference),
    max,
  );
  gauge(
    ['stock_check_age_seconds', 'Since the stock of all coupons was last checked.'],
    () => one(sources.stockCheck().ageMs / 1000),
    max,
  );
  gauge(
    ['stock_units', 'Units of all coupons as of the last check: offered in all, and remaining.'],
    () => {
      const { totals } = sources.stockCheck();
      if (totals === undefined) return [];
      const { amount, remaining } = totals;
      return Object.entries({ amount, remaining }).map(([kind, value]) => ({
        ...{ labels: { kind }, value },
      }));
    },
    { ...max, labelNames: ['kind'] },
  );
  new Counter({
    name: 'firstcome_stock_check_steps_total',
    help: 'Parts of the stored stock that were checked, or could not be read.',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      const { steps } = sources.stockCheck();
      // A counter that stands at 0 would look like a check that stands still.
      if (steps === undefined) return;
      this.inc({ result: 'done' }, steps.done);
      this.inc({ result: 'failed' }, steps.failed);
    },
  });
}
