// SPDX-License-Identifier: GPL-3.0-or-later
/** The values that the metrics read, and their interface, without types of the metrics library. */
import type {
  ClaimChangeMetrics,
  ClaimMetrics,
  EarlyRefusalMetrics,
} from '../../core/claims/ports.ts';
import type { ExpirySweepState } from '../../core/duties/expiry-sweep.ts';
import type { DutyName } from '../../core/duties/ports.ts';
import type { RefusalRule } from '../../core/refusal-rules.ts';
import type { StockCheckState } from '../../core/stock/stock-check.ts';

/** Connections of one pool to the database. */
export type PoolUse = { total: number; idle: number; waiting: number; max: number };

/** The labels of `firstcome_config_info`: settings that explain other metrics. */
export const configFactNames = [
  'workers',
  'claim_batch_max',
  'claim_timeout_ms',
  'claim_wait_max_ms',
  'claim_connections',
  'query_connections',
] as const;

/** The values that are read at each scrape. */
export type MetricSources = {
  version: string;
  /** Settings with few possible values, and no secrets. */
  config: { [name in (typeof configFactNames)[number]]?: string };
  /** Unanswered claims and changes of claims, open lanes, and the age of the one that has waited longest. */
  lanes(): { waiting: number; lanes: number; oldestMs: number };
  /** Connections to the database, by pool. */
  pools(): Record<string, PoolUse>;
  /** Coupons that the sold-out cache refuses now, and all its holders. */
  soldOut(): { coupons: number; holders: number };
  /** The duties that this process can run. What each has found is undefined in a process that never runs it. */
  duties(): {
    running: { duty: DutyName; isRunning: boolean }[];
    stockCheck: StockCheckState | undefined;
    expirySweep: ExpirySweepState | undefined;
  };
  /** The units that are left of a limited number of coupons; resolves within a second, empty if they are unknown. */
  remainingStock(): Promise<{ coupon: string; units: number }[]>;
  /** Client connections: open, idle, their limit, and how many were closed to stay within it, by reason. */
  httpConnections(): { open: number; idle: number; max: number; closed: Record<string, number> };
  /** Whether the database can decide claims; resolves within a second. */
  databaseUp(): Promise<boolean>;
};

/** The metrics of one process; can be sent as JSON. */
export type MetricsSnapshot = {
  name: string;
  help: string;
  type: string;
  aggregator?: string;
  values: { labels: Record<string, string | number>; value: number; metricName?: string }[];
}[];

/** The metrics of one service, in the form of Prometheus. */
export type PrometheusMetrics = ClaimMetrics &
  ClaimChangeMetrics &
  EarlyRefusalMetrics & {
    /** The database refused a statement. */
    statementRefused(rule: RefusalRule): void;
    /** A request other than a claim was answered. `operation` is its `operationId`. */
    callAnswered(call: { operation: string; status: number; seconds: number }): void;
    /** Registers the metrics that are read at each scrape. Until then they are absent. */
    read(sources: MetricSources): void;
    text(): Promise<{ contentType: string; text: string }>;
    /** The same metrics, to send to another process. */
    snapshot(): Promise<MetricsSnapshot>;
    /** Names, types and help texts, for the documentation. */
    describe(): Promise<{ name: string; type: string; help: string }[]>;
  };
