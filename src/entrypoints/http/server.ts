// SPDX-License-Identifier: GPL-3.0-or-later
/** The HTTP entrypoint: turns requests into calls of the core, and its answers into the HTTP contract. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { type ApiKeys, accessWith } from './access.ts';
import { isNewest } from './connections/connection-list.ts';
import {
  Connections,
  type ConnectionsState,
  refuseBeyondLimit,
} from './connections/connections.ts';
import { answerUnlessComplete, lateRequest } from './connections/late-request.ts';
import { turnClock } from './connections/turn-clock.ts';
import { BodyDrain, drainLimits } from './connections/unread-bodies.ts';
import { describeRoutes, serveDocs } from './docs.ts';
import { measureCalls } from './measure-calls.ts';
import { answerClientError } from './problems/client-error.ts';
import { toInvalidRequest } from './problems/invalid-request.ts';
import { sendProblem, toProblemDetails } from './problems/problem.ts';
import { answerReader, applyBrowserRules } from './requests/cross-origin.ts';
import { requireExactPaths } from './requests/exact-paths.ts';
import { meetExpectations } from './requests/expect-continue.ts';
import { isHealthPath } from './requests/health-paths.ts';
import { bodyBytesMax, readJsonBodies } from './requests/json-body.ts';
import { faultOfHead, isFramedOddly } from './requests/request-head.ts';
import { requestIds } from './requests/request-ids.ts';
import { traceOf, traceRequests, traceStart } from './requests/trace-requests.ts';
import { answerUnknownRoutes } from './requests/unknown-route.ts';
import type { HttpApp, HttpParts, Route } from './route.ts';
import { addStockRoute } from './routes/add-stock.ts';
import { changeCouponRoute } from './routes/change-coupon.ts';
import { claimCouponRoute } from './routes/claim-coupon.ts';
import { createCouponRoute } from './routes/create-coupon.ts';
import { findClaimRoute } from './routes/find-claim.ts';
import { healthRoute } from './routes/health.ts';
import { listClaimsRoute } from './routes/list-claims.ts';
import { listCouponsRoute } from './routes/list-coupons.ts';
import { metricsRoute } from './routes/metrics.ts';
import { readCouponRoute } from './routes/read-coupon.ts';
import { sharedSchemas } from './schemas/schemas.ts';
import { validatorCompiler } from './schemas/validation.ts';

/** Limits and rules of the server. Node's own limits are too loose for an open port, so each is set. */
export type HttpOptions = {
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  /** Longer than a load balancer's, so that the balancer ends idle connections and not the service. */
  keepAliveTimeoutMs: number;
  connectionsMax: number;
  headerBytesMax: number;
  loopbackOnly: boolean;
  allowedHosts: readonly string[];
  corsOrigins: readonly string[];
  /** The keys of now; asked at each request. */
  apiKeys(): ApiKeys;
};

/** A server that is ready to listen, and the two steps of its leaving. */
export type HttpServer = {
  app: HttpApp;
  /** From now on `/readyz` says 503; requests are still served. */
  sayNotReady(): void;
  /** From now on new requests are refused as `unavailable`. */
  stopTakingRequests(): void;
  /** Closes connections that have sent nothing since they were opened. */
  closeSilentConnections(): void;
  /** Applies the rules for connections and heads to another server of the same app. */
  watch(server: Server): void;
  /** Connections of clients. */
  connections(): ConnectionsState;
};

const routes: Route[] = [
  createCouponRoute,
  claimCouponRoute,
  readCouponRoute,
  listCouponsRoute,
  changeCouponRoute,
  addStockRoute,
  listClaimsRoute,
  findClaimRoute,
  healthRoute,
  metricsRoute,
];

// A name of 255 characters of four bytes each is 3,060 characters when percent-encoded.
const paramLengthMax = 4096;

const connectionsCheckMs = 1000;

// A bug that every request meets must not fill the disk with its stack.
const bugLogMs = 100;

/** Builds the server with all its routes. */
export async function createHttpServer(
  options: HttpOptions,
  parts: HttpParts,
): Promise<HttpServer> {
  let ready = true;
  let stopping = false;
  const newRequestId = requestIds();
  const startTrace = traceStart(parts.traceRequest, isMonitored);
  const logAnswer = answerLog(parts);
  const connections = new Connections({
    max: options.connectionsMax,
    // Never below the time that a client has for its first headers.
    silentTimeoutMs: Math.max(options.keepAliveTimeoutMs, options.headersTimeoutMs),
    warn: (event, message) => parts.log.warn(event, message),
    answerSlow: (socket) => answerClientError(lateRequest, socket, newRequestId(), drain),
    nowMs: turnClock(),
    atEndOfTurn: (run) => void setImmediate(run),
  });
  const onClientError = (error: Error & { code?: string }, socket: Socket) =>
    answerUnlessComplete(error, socket, () =>
      answerClientError(error, socket, newRequestId(), drain),
    );
  const letRead = answerReader(options.corsOrigins);
  const app: HttpApp = Fastify({
    logger: false,
    genReqId: newRequestId,
    bodyLimit: bodyBytesMax,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: paramLengthMax },
    // One suite of this API family asks for its health by this path.
    rewriteUrl: (request) => (request.url === '/api/../health' ? '/health' : (request.url ?? '/')),
    http: {
      headersTimeout: options.headersTimeoutMs,
      maxHeaderSize: options.headerBytesMax,
      connectionsCheckingInterval: connectionsCheckMs,
      // Checked below: Node's own answer would be an empty one.
      requireHostHeader: false,
    },
    // Before any hook, so that what the hooks do for others is done here.
    frameworkErrors: (error, request, reply) => {
      startTrace?.(request, reply);
      setApiHeaders(reply);
      letRead(request, reply);
      beforeAnswer(request, reply);
      sendProblem(reply, toProblemDetails(error));
      logAnswer?.(request, reply);
    },
    clientErrorHandler: onClientError,
  }).withTypeProvider<TypeBoxTypeProvider>();
  const expectations = meetExpectations(app);
  const drain = new BodyDrain(drainLimits(options.requestTimeoutMs), expectations.isWaiting);
  const watch = (server: Server) => {
    connections.watch(server);
    expectations.watch(server);
    // Their size is limited instead. Beyond a thousand Node drops lines silently, a key or a second line among them.
    server.maxHeadersCount = 0;
  };
  watch(app.server);
  const beforeAnswer = (request: FastifyRequest, reply: FastifyReply) => {
    const isToEnd = stopping || connections.isNearLimit;
    if (isToEnd && isNewest(request.raw)) reply.header('Connection', 'close');
    drain.beforeAnswer(request, reply);
  };

  app.addHook('onRequest', (request, reply, done) => {
    if (drain.ignores(request.raw)) reply.hijack();
    else done();
  });
  traceRequests(app, startTrace);
  app.addHook('onRequest', (request, reply, done) => {
    setApiHeaders(reply);
    const fault = faultOfHead(request.raw);
    if (fault !== undefined) {
      if (isFramedOddly(request.raw)) reply.header('Connection', 'close');
      return done(fault);
    }
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    beforeAnswer(request, reply);
    done(null, payload);
  });
  // A key may be replaced while the service runs, but none comes or goes.
  await applyBrowserRules(app, { ...options, adminApiKey: options.apiKeys().adminApiKey });
  // Behind those rules, so that a page that may call can read it.
  app.addHook('onRequest', (request, _reply, done) => {
    if (!stopping || isHealthPath(request.routeOptions.url)) return done();
    done(new AppError('unavailable', { detail: 'the service is stopping' }));
  });
  refuseBeyondLimit(app, connections, isMonitored);
  readJsonBodies(app);
  app.setValidatorCompiler(validatorCompiler());
  for (const schema of sharedSchemas) app.addSchema(schema);
  const maySay = atMostEvery(bugLogMs);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    answerError(error, request, reply, parts, maySay);
  });
  requireExactPaths(app);
  answerUnknownRoutes(app);
  if (logAnswer !== undefined) {
    app.addHook('onResponse', (request, reply, done) => {
      logAnswer(request, reply);
      done();
    });
  }

  measureCalls(app, parts.callAnswered);
  await describeRoutes(app, parts.healthFacts.version);
  const access = accessWith(options.apiKeys);
  for (const route of routes) route(app, { ...parts, access, isReady: () => ready });
  await serveDocs(app);
  await app.ready();

  return {
    app,
    sayNotReady: () => {
      ready = false;
    },
    stopTakingRequests: () => {
      ready = false;
      stopping = true;
      drain.hurry();
    },
    closeSilentConnections: () => connections.closeSilent(),
    watch: (server) => {
      watch(server);
      // The framework sets this for its own server alone.
      server.on('clientError', onClientError);
    },
    connections: () => connections.state(),
  };
}

function setApiHeaders(reply: FastifyReply): void {
  reply.header('X-Content-Type-Options', 'nosniff');
  reply.header('Cache-Control', 'no-store');
}

function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  parts: HttpParts,
  maySay: () => boolean,
): void {
  const { validation, validationContext } = error;
  const fault = validation ? toInvalidRequest(validation, validationContext, request) : error;
  const details = toProblemDetails(fault);
  // The framework closes the connection behind a body that it cannot read. With all of it read the next request may
  // come, and may be under way already: its answer would be lost.
  if (request.raw.complete) reply.removeHeader('Connection');
  if (details.code === 'internal' && maySay()) {
    parts.log.error(
      {
        requestId: request.id,
        ...traceOf(request),
        method: request.method,
        route: request.routeOptions.url,
        err: error,
      },
      'a request met an unexpected error',
    );
  }
  sendProblem(reply, details);
}

function atMostEvery(ms: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < ms) return false;
    lastMs = nowMs;
    return true;
  };
}

/** Logs how a request was answered; undefined where nobody wants to know. */
function answerLog({
  log: { debug },
}: HttpParts): ((request: FastifyRequest, reply: FastifyReply) => void) | undefined {
  return (
    debug &&
    ((request, reply) =>
      debug(
        {
          requestId: request.id,
          ...traceOf(request),
          method: request.method,
          url: request.url,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 1000) / 1000,
        },
        'request answered',
      ))
  );
}

/** The paths of health checks and of the metrics, with or without a query. */
function isMonitored(url: string): boolean {
  const [path = url] = url.split('?', 1);
  return isHealthPath(path) || path === '/metrics';
}
