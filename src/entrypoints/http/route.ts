// SPDX-License-Identifier: GPL-3.0-or-later
import type { Health } from '../../core/health.ts';
import type { TraceRequest } from '../../core/tracing.ts';
import type { UseCases, WebhookUseCases } from '../../core/use-cases.ts';
import type { Access } from './access.ts';
import type { HttpApp } from './http-app.ts';

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

/** The use cases behind the routes, and what the server reports to. */
export type HttpDependencies = UseCases &
  WebhookUseCases & {
    /** The health at this moment. Never rejects. */
    checkHealth(): Promise<Health>;
    healthFacts: HealthFacts;
    /** The metrics in the Prometheus text format. */
    metricsText(): Promise<{ contentType: string; text: string }>;
    /** The media type of that text. */
    metricsType: string;
    /** Counts a call other than a claim, by its `operationId`. */
    callAnswered(call: { operation: string; status: number; seconds: number }): void;
    log: HttpLog;
    /** Undefined: requests are not traced. */
    traceRequest?: TraceRequest | undefined;
  };

/** Adds one route, or a few that belong together, to the server. `config.access` says who may call it. */
export type Route = (
  app: HttpApp,
  dependencies: HttpDependencies & { access: Access; isReady(): boolean },
) => void;
