// SPDX-License-Identifier: GPL-3.0-or-later
/** What the metrics are made from and what they can do, without a word of the library behind them. */
import type { ClaimMetrics } from '../../core/claims/ports.ts';
import type { RefusalRule } from '../../core/refusal-rules.ts';
import type { StockCheckState } from '../../core/stock/stock-check.ts';

/** Connections of one pool. */
export type PoolUse = { total: number; idle: number; waiting: number; max: number };

/** The labels of `firstcome_config_info`: settings that explain the other numbers. */
export const configFactNames = [
  'workers',
  'claim_batch_max',
  'claim_timeout_ms',
  'claim_wait_max_ms',
  'claim_connections',
  'query_connections',
] as const;

/** What is read at the moment of a scrape. */
export type MetricSources = {
  version: string;
  /** Each a text of few values, and no secret. */
  config: { [name in (typeof configFactNames)[number]]?: string };
  /** Claims not answered, lanes open, age of the longest waiting claim in milliseconds, batches not settled. */
  lanes(): { waiting: number; lanes: number; oldestMs: number };
  /** Connections by the pool they belong to. */
  pools(): Record<string, PoolUse>;
  /** Sold out coupons whose holders are remembered, and those holders. */
  soldOut(): { coupons: number; holders: number };
  stockCheck(): StockCheckState;
  /** Connections of clients: open, idle, how many may be open, and how many were closed for that, by reason. */
  httpConnections(): { open: number; idle: number; max: number; closed: Record<string, number> };
  /** Whether the database, bundled or not, can decide claims; settles within a second. */
  databaseUp(): Promise<boolean>;
};

/** What one process counted and measured; survives JSON. */
export type MetricsSnapshot = {
  name: string;
  help: string;
  type: string;
  aggregator?: string;
  values: { labels: Record<string, string | number>; value: number; metricName?: string }[];
}[];

/** The metrics as Prometheus reads them. */
export type PrometheusMetrics = ClaimMetrics & {
  /** The database refused a statement. */
  statementRefused(rule: RefusalRule): void;
  /** A call other than a claim was answered, by the name of its operation. */
  callAnswered(call: { operation: string; status: number; seconds: number }): void;
  /** Sets what is read at each scrape; before it those metrics are absent. */
  read(sources: MetricSources): void;
  text(): Promise<{ contentType: string; text: string }>;
  /** The same numbers, to be sent to another process. */
  snapshot(): Promise<MetricsSnapshot>;
  /** Names, kinds and help texts, for the documentation. */
  describe(): Promise<{ name: string; type: string; help: string }[]>;
};
