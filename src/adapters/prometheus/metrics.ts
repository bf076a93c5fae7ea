// SPDX-License-Identifier: GPL-3.0-or-later
/** Every metric, its help text and its labels. No coupon and no user is ever a label: anybody could invent more. */
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from 'prom-client';
import type { ClaimMetrics } from '../../core/claims/ports.ts';

/** What is read at the moment of a scrape. */
export type MetricSources = {
  version: string;
  /** Claims not answered, lanes open, age of the longest waiting claim in milliseconds. */
  lanes(): { waiting: number; lanes: number; oldestMs: number };
  /** Connections by the pool they belong to. */
  pools(): Record<string, { total: number; idle: number; waiting: number }>;
  /** Sold out coupons whose holders are remembered, and those holders. */
  soldOut(): { coupons: number; holders: number };
};

/** The metrics as Prometheus reads them. */
export type PrometheusMetrics = ClaimMetrics & {
  /** Sets what is read at each scrape; before it those metrics are absent. */
  read(sources: MetricSources): void;
  text(): Promise<{ contentType: string; text: string }>;
  /** Lets a primary process ask this one for its metrics. */
  shareWithPrimary(): void;
  /** Names, kinds and help texts, for the documentation. */
  describe(): Promise<{ name: string; type: string; help: string }[]>;
};

/** A registry of its own, so that several services in one process do not share numbers. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  // Counted in a plain object: a claim adds one here, and only a scrape pays for labels.
  const answers: Record<string, number> = {};
  new Counter({
    name: 'firstcome_claims_total',
    help: 'Claims answered, by outcome or by the code of the fault.',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(answers)) this.inc({ outcome }, count);
    },
  });
  const batchSize = new Histogram({
    name: 'firstcome_claim_batch_size',
    help: 'Claims decided by one commit.',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    registers: [registry],
  });
  const commitSeconds = new Histogram({
    name: 'firstcome_claim_commit_seconds',
    help: 'From the sending of a batch of claims to its answer, the commit included.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  const unknown = new Counter({
    name: 'firstcome_claim_batches_unknown_total',
    help: 'Batches of claims whose answer was lost.',
    registers: [registry],
  });
  const settled = new Counter({
    name: 'firstcome_claim_batches_settled_total',
    help: 'Batches whose answer was lost, by how they were settled: committed before, or void.',
    labelNames: ['settled'],
    registers: [registry],
  });

  return {
    answered(outcome) {
      answers[outcome] = (answers[outcome] ?? 0) + 1;
    },
    batchDecided(batch) {
      batchSize.observe(batch.size);
      commitSeconds.observe(batch.commitSeconds);
    },
    batchUnknown: () => unknown.inc(),
    batchSettled: (how) => settled.inc({ settled: how }),
    read: (sources) => registerSources(registry, sources),
    shareWithPrimary() {
      AggregatorRegistry.setRegistries(registry);
      // Only its construction makes this process listen for the primary's question.
      new AggregatorRegistry();
    },
    async text() {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    async describe() {
      const metrics = await registry.getMetricsAsJSON();
      return metrics.map(({ name, type, help }) => ({ name, type: String(type), help }));
    },
  };
}

/** For a primary process: the metrics of all its workers, added up or joined as each metric says. */
export function metricsOfWorkers(): () => Promise<{ contentType: string; text: string }> {
  const aggregator = new AggregatorRegistry();
  return async () => ({
    contentType: aggregator.contentType,
    text: await aggregator.clusterMetrics(),
  });
}

function registerSources(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: 'firstcome_build_info',
    help: 'Always 1; the labels tell what runs.',
    labelNames: ['version', 'node'],
    registers,
    aggregator: 'first',
    collect() {
      this.set({ version: sources.version, node: process.version }, 1);
    },
  });
  new Gauge({
    name: 'firstcome_claims_waiting',
    help: 'Claims that are not answered yet.',
    registers,
    collect() {
      this.set(sources.lanes().waiting);
    },
  });
  new Gauge({
    name: 'firstcome_claim_lanes',
    help: 'Coupons with claims under way.',
    registers,
    collect() {
      this.set(sources.lanes().lanes);
    },
  });
  new Gauge({
    name: 'firstcome_claim_oldest_seconds',
    help: 'Age of the longest waiting claim.',
    registers,
    aggregator: 'max',
    collect() {
      this.set(sources.lanes().oldestMs / 1000);
    },
  });
  new Gauge({
    name: 'firstcome_sold_out_coupons',
    help: 'Sold out coupons whose holders are remembered.',
    registers,
    collect() {
      this.set(sources.soldOut().coupons);
    },
  });
  new Gauge({
    name: 'firstcome_sold_out_holders',
    help: 'Holders of sold out coupons that are remembered.',
    registers,
    collect() {
      this.set(sources.soldOut().holders);
    },
  });
  new Gauge({
    name: 'firstcome_database_connections',
    help: 'Connections to the database, by what they are for and whether they are in use.',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [pool, use] of Object.entries(sources.pools())) {
        this.set({ pool, state: 'idle' }, use.idle);
        this.set({ pool, state: 'used' }, use.total - use.idle);
      }
    },
  });
  new Gauge({
    name: 'firstcome_database_connection_waiters',
    help: 'Statements that wait for a connection, by what it is for.',
    labelNames: ['pool'],
    registers,
    collect() {
      for (const [pool, use] of Object.entries(sources.pools())) this.set({ pool }, use.waiting);
    },
  });
}
