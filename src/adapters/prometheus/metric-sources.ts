// SPDX-License-Identifier: GPL-3.0-or-later
/** The values that the metrics read, and their interface, without types of the metrics library. */
import type {
  ClaimChangeMetrics,
  ClaimMetrics,
  EarlyRefusalMetrics,
} from '../../core/claims/ports.ts';
import type { ExpirySweepState } from '../../core/duties/expiry-sweep.ts';
import type { DutyName, JobMetrics } from '../../core/duties/ports.ts';
import type { EventRelayState } from '../../core/events/event-relay.ts';
import type { MeasureBacklog } from '../../core/events/ports.ts';
import type { HealthSeen } from '../../core/health-record.ts';
import type { LimitName } from '../../core/limits/rate-limit.ts';
import type { RefusalRule } from '../../core/refusal-rules.ts';
import type { SagaMetrics } from '../../core/sagas/ports.ts';
import type { StockCheckState } from '../../core/stock/stock-check.ts';
import type { StockViewMetrics } from '../../core/stock/stock-view.ts';
import type { TicketMetrics } from '../../core/tickets/ports.ts';
import type { UserTokenMetrics } from '../../core/user-tokens/user-tokens.ts';
import type { DeliveryMetrics } from '../../core/webhooks/ports.ts';

/** Connections of one pool to the database. */
export type PoolUse = { total: number; idle: number; waiting: number; max: number };

/** What one process knows of Redis; each count is since its start. */
export type RedisReading = {
  isUp: boolean;
  /** By result. */
  calls: Readonly<Record<string, number>>;
  /** By direction, `sent` or `received`, and by kind. */
  notifications: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By result. */
  dutyMutex: Readonly<Record<string, number>>;
};

/** Latencies: how many were at most each bound and larger than the one before; the last count has no bound. In seconds. */
export type LatencyReading = {
  bounds: readonly number[];
  counts: readonly number[];
  sumSeconds: number;
};

/** What one process knows of the queue of claims without asking for it; each count is since its start. */
export type QueueState = {
  isUp: boolean;
  /** The broker takes nothing from publishers. */
  isBlocked: boolean;
  /** How many messages may wait in each partition. */
  messagesMax: number;
  published: Record<'confirmed' | 'full' | 'away' | 'unknown' | 'unconfirmed', number> & {
    confirmLatency: LatencyReading;
  };
  delivered: Record<'delivered' | 'redelivered' | 'retried', number> & {
    dead: Record<'undecidable' | 'unreadable', number>;
  };
};

/** What waits at the broker, and how many processes consume it. Messages of claims, and consumers, are by partition. */
export type QueueReading = {
  messages: readonly number[];
  consumers: readonly number[];
  retry: number;
  dead: number;
};

/** What the metrics read of the queue of claims. */
export type QueueSource = {
  state(): QueueState;
  /** Undefined while the broker is away; resolves within a second. */
  depths(): Promise<QueueReading | undefined>;
  /** What waits in this process: requests and streams for tickets, and claims for a lane and in a lane. */
  waiting(): { waiting: number; held: number; underWay: number; oldestMs: number };
};

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
    eventRelay: EventRelayState | undefined;
  };
  /** Undefined in a process that does not run the relay, and while the backlog is unknown. Resolves within a second. */
  backlog: MeasureBacklog;
  /** The units that are left of a limited number of coupons; resolves within a second, empty if they are unknown. */
  remainingStock(): Promise<{ coupon: string; units: number }[]>;
  /** Client connections: open, idle, their limit, and how many were closed to stay within it, by reason. */
  httpConnections(): { open: number; idle: number; max: number; closed: Record<string, number> };
  /** Undefined without Redis. */
  redis?: (() => RedisReading) | undefined;
  /** Undefined without a queue of claims. */
  queue?: QueueSource | undefined;
  /** Event streams: open, their limit, and since the start opened, refused, cut and events written. */
  eventStreams(): Record<'open' | 'max' | 'opened' | 'refused' | 'dropped' | 'written', number>;
  /** Whether the database lacks acknowledged batches, so that all calls are refused. */
  isHistoryLost(): boolean;
  /** Whether the database can decide claims; resolves within a second. */
  databaseUp(): Promise<boolean>;
  /** The health as it was seen last, about a second ago at most. */
  healthSeen(): HealthSeen;
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
  EarlyRefusalMetrics &
  DeliveryMetrics &
  JobMetrics &
  SagaMetrics &
  StockViewMetrics &
  UserTokenMetrics & {
    /** The database refused a statement. */
    statementRefused(rule: RefusalRule): void;
    /** A rate limit refused a request. */
    rateLimited(limit: LimitName): void;
    /** A request other than a claim was answered. `operation` is its `operationId`. */
    callAnswered(call: { operation: string; status: number; seconds: number }): void;
    /** A call with many claims has arrived. */
    claimsArrived(claims: number): void;
    /** Registers the metrics of tickets. Called where there is a queue of claims; otherwise they are absent. */
    countTickets(): TicketMetrics;
    /** Registers the metrics that are read at each scrape. Until then they are absent. */
    read(sources: MetricSources): void;
    text(): Promise<{ contentType: string; text: string }>;
    /** The same metrics, to send to another process. */
    snapshot(): Promise<MetricsSnapshot>;
    /** Names, types and help texts, for the documentation. */
    describe(): Promise<{ name: string; type: string; help: string }[]>;
  };
