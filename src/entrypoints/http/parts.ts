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
import type { AddStock } from '../../core/coupons/add-stock.ts';
import type { ChangeCoupon } from '../../core/coupons/change-coupon.ts';
import type { CreateCoupon } from '../../core/coupons/create-coupon.ts';
import type { ReadCoupons } from '../../core/coupons/read-coupons.ts';
import type { Health } from '../../core/health.ts';
import type { TraceRequest } from '../../core/tracing.ts';
import type { Access } from './access.ts';

/** The server, with the types of its schemas. */
export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Where the entrypoint reports: faults of ours, limits that are reached, and what operators did. */
export type HttpLog = {
  error(event: Record<string, unknown>, message: string): void;
  warn(event: Record<string, unknown>, message: string): void;
  info(event: Record<string, unknown>, message: string): void;
  /** Present when every request is to be logged. */
  debug?: ((event: Record<string, unknown>, message: string) => void) | undefined;
};

/** What `/health` tells about the service besides whether it is healthy. */
export type HealthFacts = {
  version: string;
  database: 'bundled' | 'external';
  anonymousAdmin: boolean;
};

/** The use cases behind the routes. */
export type HttpParts = {
  claimCoupon: ClaimCoupon;
  readCoupons: ReadCoupons;
  createCoupon: CreateCoupon;
  changeCoupon: ChangeCoupon;
  addStock: AddStock;
  readClaims: ReadClaims;
  /** How the service is now. Never rejects. */
  checkHealth(): Promise<Health>;
  healthFacts: HealthFacts;
  /** The metrics as Prometheus text. */
  metricsText(): Promise<{ contentType: string; text: string }>;
  /** The media type of that text. */
  metricsType: string;
  /** Counts a call other than a claim, by its `operationId`. */
  callAnswered(call: { operation: string; status: number; seconds: number }): void;
  log: HttpLog;
  /** Undefined: requests are not traced. */
  traceRequest?: TraceRequest | undefined;
};

/** What a route file registers itself with. */
export type Route = (
  app: HttpApp,
  parts: HttpParts & { access: Access; isReady(): boolean },
) => void;
