// SPDX-License-Identifier: GPL-3.0-or-later
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ClaimCoupon } from '../../core/claims/claim-coupon.ts';
import type { ReadClaims } from '../../core/claims/read-claims.ts';
import type { ManageCoupon } from '../../core/coupons/manage-coupon.ts';
import type { ReadCoupons } from '../../core/coupons/read-coupons.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { Health } from '../../core/health.ts';
import type { TraceRequest } from '../../core/tracing.ts';
import type { Access } from './access.ts';

/** The Fastify server, typed by the schemas of its routes. */
export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

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
export type HttpDependencies = {
  claimCoupon: ClaimCoupon;
  /** Returns a new UUID for a claim. */
  newClaimId(): string;
  /** Counts a claim that was refused before `claimCoupon` was called. */
  claimRefused(code: ErrorCode): void;
  readCoupons: ReadCoupons;
  manageCoupon: ManageCoupon;
  readClaims: ReadClaims;
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
