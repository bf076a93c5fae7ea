// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The HTTP entrypoint: turns requests into calls of the core, and their results into the HTTP contract. Where to look:
 * `request-hooks.ts` for what happens around each route, `routes.ts` for the routes, `access.ts` for who may call them,
 * `problems/error-handler.ts` for errors, `connections/` for the limits of connections, `drain.ts` for the stop.
 */
import type { Server } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyError, type FastifyHttpOptions } from 'fastify';
import { accessWith } from './access.ts';
import type { ApiKeys } from './api-keys.ts';
import { ClientConnections } from './connections/client-connections.ts';
import type { ConnectionsState } from './connections/connections.ts';
import { readConsoleFiles } from './console/console-files.ts';
import { serveConsole } from './console/serve-console.ts';
import { describeRoutes, serveDocs } from './docs.ts';
import { enforceAccess } from './enforce-access.ts';
import type { HttpApp } from './http-app.ts';
import { limitRequests } from './limits/limit-requests.ts';
import { measureCalls } from './measure-calls.ts';
import { errorHandler } from './problems/error-handler.ts';
import { requestHooks } from './request-hooks.ts';
import { requireExactPaths } from './requests/exact-paths.ts';
import { bodyBytesMax, readJsonBodies } from './requests/json-body.ts';
import { requestIds } from './requests/request-ids.ts';
import { answerUnknownRoutes } from './requests/unknown-route.ts';
import type { HttpDependencies, ServerParts } from './route.ts';
import { monitoringRoutes, routes } from './routes.ts';
import { serializerCompiler } from './schemas/serialization.ts';
import { sharedSchemas } from './schemas/shared.ts';
import { validatorCompiler } from './schemas/validation.ts';
import { startStreamWith } from './streams/start-stream.ts';

/** Limits and rules of the server. Node's own limits are too loose for an open port, so each is set. */
export type HttpOptions = {
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  /** Longer than that of a load balancer, so that the balancer ends idle connections and not the service. */
  keepAliveTimeoutMs: number;
  connectionsMax: number;
  headerBytesMax: number;
  loopbackOnly: boolean;
  allowedHosts: readonly string[];
  corsOrigins: readonly string[];
  /**
   * The current keys, read at each request: another object after each change. `adminApiKey` and `claimApiKey` may be
   * replaced while the service runs, but not added or removed.
   */
  apiKeys(): ApiKeys;
  /** Whether a user token may confirm the claims of its user; not unless set. */
  usersMayConfirm?: boolean;
  /** Where the console was built into, which is read once. Undefined: none is served. */
  consoleFolder?: string;
  /** Whether only health and metrics are served. */
  isMonitoringOnly?: boolean;
};

/** A server that is ready to listen, with the steps of its drain. */
export type HttpServer = {
  app: HttpApp;
  /** Makes `/readyz` return 503; requests are still served. */
  reportNotReady(): void;
  /** Refuses new requests as `unavailable`, and ends the event streams. */
  stopTakingRequests(): void;
  /** Closes connections that have sent nothing since they were opened. */
  closeSilentConnections(): void;
  /** Applies the rules for connections and heads to another server of the same app. */
  watch(server: Server): void;
  /** The connections of clients at this moment. */
  connections(): ConnectionsState;
};

// A name of 255 characters of four bytes each is 3,060 characters when percent-encoded.
const paramLengthMax = 4096;

const connectionsCheckMs = 1000;

/** Builds the server with all its routes. */
export async function createHttpServer(
  options: HttpOptions,
  dependencies: HttpDependencies,
): Promise<HttpServer> {
  const { log, traceRequest } = dependencies;
  let isReady = true;
  const newRequestId = requestIds();
  const clients = new ClientConnections({ ...options, newRequestId, log });
  const hooks = requestHooks({
    ...options,
    adminApiKey: options.apiKeys().adminApiKey,
    ...{ clients, log, traceRequest },
  });
  const app: HttpApp = Fastify({
    ...fastifyOptions(options),
    genReqId: newRequestId,
    frameworkErrors: hooks.onFrameworkError,
    clientErrorHandler: clients.onClientError,
  }).withTypeProvider<TypeBoxTypeProvider>();
  clients.watch(app.server);

  await hooks.addTo(app);
  readJsonBodies(app);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  for (const schema of sharedSchemas) app.addSchema(schema);
  app.setErrorHandler<FastifyError>(errorHandler(log));
  app.addHook('onClose', async () => clients.connections.end());

  // These apply to each route that is added after them. Exact paths come after access, so that their check runs first.
  measureCalls(app, dependencies.callAnswered);
  await describeRoutes(app, dependencies.healthFacts.version);
  const access = accessWith({
    ...{ keys: options.apiKeys, userTokens: dependencies.userTokens },
    usersMayConfirm: options.usersMayConfirm,
    sessions: dependencies.consoleLogin?.sessions,
  });
  enforceAccess(app, access);
  const limitEntries = limitRequests(app, {
    ...dependencies,
    rateLimits: dependencies.rateLimits,
    access,
  });
  requireExactPaths(app);
  answerUnknownRoutes(app);
  const parts: ServerParts = {
    ...{ access, limitEntries },
    isReady: () => isReady,
    startStream: startStreamWith(clients),
  };
  const served = options.isMonitoringOnly ? monitoringRoutes : routes;
  for (const route of served) route(app, { ...dependencies, ...parts });
  if (!options.isMonitoringOnly) {
    await serveDocs(app);
    if (options.consoleFolder !== undefined)
      serveConsole(app, readConsoleFiles(options.consoleFolder));
  }
  await app.ready();

  return {
    app,
    reportNotReady: () => {
      isReady = false;
    },
    stopTakingRequests: () => {
      isReady = false;
      clients.stop();
      dependencies.stockStreams?.stop();
      dependencies.outcomeStreams?.stop();
      dependencies.tickets?.streams?.stop();
    },
    closeSilentConnections: () => clients.connections.closeSilent(),
    watch: (server) => {
      clients.watch(server);
      // Fastify sets this for its own server only.
      server.on('clientError', clients.onClientError);
    },
    connections: () => clients.connections.state(),
  };
}

function fastifyOptions(options: HttpOptions): FastifyHttpOptions<Server> {
  return {
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: paramLengthMax },
    // One test suite of this API family requests the health by this path.
    rewriteUrl: (request) => (request.url === '/api/../health' ? '/health' : (request.url ?? '/')),
    http: {
      headersTimeout: options.headersTimeoutMs,
      maxHeaderSize: options.headerBytesMax,
      connectionsCheckingInterval: connectionsCheckMs,
      // The service checks this itself: Node's own response would have no body.
      requireHostHeader: false,
    },
  };
}
