// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CouponPageCache } from '../../core/coupons/coupon-page-cache.ts';
import type { Health } from '../../core/health.ts';
import type { StockViews } from '../../core/stock/stock-view.ts';
import type { DeadLetters } from '../../core/tickets/dead-letters.ts';
import type { ReadTickets } from '../../core/tickets/read-ticket.ts';
import type { TraceRequest } from '../../core/tracing.ts';
import type { SagaUseCases, UseCases, WebhookUseCases } from '../../core/use-cases.ts';
import type { UserTokens } from '../../core/user-tokens/user-tokens.ts';
import type { Access } from './access.ts';
import type { HttpApp } from './http-app.ts';
import type { LimitEntries } from './limits/limit-entries.ts';
import type { RateLimits } from './limits/rate-limits.ts';
import type { StreamTarget } from './streams/event-stream.ts';
import type { StockStreams } from './streams/stock-streams.ts';
import type { TicketStreams } from './streams/ticket-streams.ts';

/** The log: bugs as errors, reached limits as warnings, changes by operators as info. */
export type HttpLog = {
  error(event: Record<string, unknown>, message: string): void;
  warn(event: Record<string, unknown>, message: string): void;
  info(event: Record<string, unknown>, message: string): void;
  /** Present when every request is logged. */
  debug?: ((event: Record<string, unknown>, message: string) => void) | undefined;
};

/** What `/health` says about the service besides whether it is healthy. */
export type HealthFacts = {
  version: string;
  database: 'bundled' | 'external';
  anonymousAdmin: boolean;
};

/** What reads can come from that accept an old answer. */
export type StockCache = {
  views: Pick<StockViews, 'read'>;
  pages: Pick<CouponPageCache, 'list'>;
  /** The age that a read accepts by default, in milliseconds. */
  maxAgeMs: number;
};

/** The tickets of queued claims. */
export type HttpTickets = {
  /** Whether claims go into the queue; else they are decided at once, and only earlier tickets are read. */
  takesClaims: boolean;
  read: ReadTickets;
  /** Undefined: no event streams are served. */
  streams: TicketStreams | undefined;
};

/** The use cases behind the routes, and what the server reports to. */
export type HttpDependencies = UseCases &
  WebhookUseCases &
  SagaUseCases & {
    /** The health at this moment. Never rejects. */
    checkHealth(): Promise<Health>;
    healthFacts: HealthFacts;
    /** Undefined: every read is fresh. */
    stockCache?: StockCache | undefined;
    /** Undefined: no event streams are served. */
    stockStreams?: StockStreams | undefined;
    /** Undefined: there is no queue, and no tickets. */
    tickets?: HttpTickets | undefined;
    /** Undefined: there is no queue. */
    deadLetters?: DeadLetters | undefined;
    /** The metrics in the Prometheus text format. */
    metricsText(): Promise<{ contentType: string; text: string }>;
    /** The media type of that text. */
    metricsType: string;
    /** Counts a call other than a claim, by its `operationId`. */
    callAnswered(call: { operation: string; status: number; seconds: number }): void;
    /** Counts a call with many claims, by how many it holds. */
    claimsArrived(claims: number): void;
    /** Undefined: no request is limited. */
    rateLimits?: RateLimits | undefined;
    log: HttpLog;
    /** Undefined: no user tokens are accepted. */
    userTokens?: UserTokens | undefined;
    /** Undefined: requests are not traced. */
    traceRequest?: TraceRequest | undefined;
  };

/** What the server itself gives its routes. */
export type ServerParts = {
  access: Access;
  /** Undefined: no claim is limited. */
  limitEntries: LimitEntries | undefined;
  isReady(): boolean;
  /** Starts the response of an event stream; undefined where the client is gone. */
  startStream(request: FastifyRequest, reply: FastifyReply): StreamTarget | undefined;
};

/** Adds one route, or a few that belong together, to the server. `config.access` says who may call it. */
export type Route = (app: HttpApp, dependencies: HttpDependencies & ServerParts) => void;
