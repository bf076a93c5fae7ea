// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What happens to each request around its route, in this order:
 *
 * | Hook | What | Why here |
 * |---|---|---|
 * | `onRequest` | ignore requests after the last response of a connection | their response could not be sent |
 * | | start the trace | it covers all that follows |
 * | | set the headers of API responses | errors carry them too |
 * | | refuse an ambiguous head, then a foreign host | no page may read these refusals |
 * | | CORS, if configured | pages of allowed origins can read all later errors |
 * | | refuse a foreign origin, a stopping service, a full connection limit | before the access key is checked |
 * | | treat the body as JSON | before Fastify looks for its parser |
 * | | of the route: exact path, then access key | an unknown path needs no key |
 * | `preParsing` | answer `Expect: 100-continue` | after all checks of the head, before the body |
 * | `preHandler` | run in the context of the trace | the body is read in a context of the connection |
 * | `onSend` | decide whether the connection ends | before the head of the response is written |
 * | `onResponse` | count the call (of the route), log the response | it is sent |
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { ClientConnections } from './connections/client-connections.ts';
import { refuseBeyondLimit } from './connections/refuse-beyond-limit.ts';
import { sendProblem } from './problems/problem.ts';
import { toProblemDetails } from './problems/to-problem.ts';
import { applyCors, corsHeaders } from './requests/cors.ts';
import { isHealthPath, isMonitoringUrl } from './requests/health-paths.ts';
import type { HostRuleOptions } from './requests/hosts.ts';
import { treatBodyAsJson } from './requests/json-body.ts';
import { responseLog } from './requests/log-responses.ts';
import { refuseForeignHosts } from './requests/refuse-foreign-hosts.ts';
import { refuseForeignOrigins } from './requests/refuse-foreign-origins.ts';
import { firstRefusal, type RequestCheck } from './requests/request-check.ts';
import { refuseAmbiguousHead } from './requests/request-head.ts';
import { runInTrace, traceStart } from './requests/trace-requests.ts';
import type { HttpApp, HttpDependencies } from './route.ts';

/** The rules and the parts of the server that the hooks use. */
export type RequestHooksOptions = HostRuleOptions & {
  /** Origins whose pages may call, as browsers send them. */
  corsOrigins: readonly string[];
  clients: ClientConnections;
} & Pick<HttpDependencies, 'log' | 'traceRequest'>;

/** The hooks, and the answer to requests that Fastify refuses before any hook. */
export type RequestHooks = {
  /** Must run before the routes are added. */
  addTo(app: HttpApp): Promise<void>;
  /** Answers a request whose path Fastify cannot read, with what the hooks do for all others. */
  onFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void;
};

/** Creates the hooks of a server. */
export function requestHooks(options: RequestHooksOptions): RequestHooks {
  const { clients, corsOrigins } = options;
  const startTrace = traceStart(options.traceRequest, isMonitoringUrl);
  const logResponse = responseLog(options.log);
  const setCorsHeaders = corsHeaders(corsOrigins);
  const foreignHosts = refuseForeignHosts(options);
  const checksBeforeCors: RequestCheck[] = [
    refuseAmbiguousHead,
    ...(foreignHosts === undefined ? [] : [foreignHosts]),
  ];
  const checksAfterCors: RequestCheck[] = [
    refuseForeignOrigins(corsOrigins),
    refuseWhileStopping(clients),
    refuseBeyondLimit(clients.connections, isMonitoringUrl),
  ];
  return {
    onFrameworkError(error, request, reply) {
      startTrace?.(request, reply);
      setApiHeaders(reply);
      setCorsHeaders(request, reply);
      clients.beforeResponse(request, reply);
      sendProblem(reply, toProblemDetails(error));
      logResponse?.(request, reply);
    },
    async addTo(app) {
      app.decorateRequest('trace', undefined);
      app.addHook('onRequest', (request, reply, done) => {
        if (clients.unreadBodies.ignores(request.raw)) {
          reply.hijack();
          return;
        }
        startTrace?.(request, reply);
        setApiHeaders(reply);
        done(firstRefusal(checksBeforeCors, request, reply));
      });
      await applyCors(app, corsOrigins);
      app.addHook('onRequest', (request, reply, done) => {
        const refusal = firstRefusal(checksAfterCors, request, reply);
        if (refusal === undefined) treatBodyAsJson(request);
        done(refusal);
      });
      app.addHook('preParsing', (request, reply, _payload, done) => {
        done(clients.expectations.answer(request, reply));
      });
      if (startTrace !== undefined) app.addHook('preHandler', runInTrace);
      app.addHook('onSend', (request, reply, payload, done) => {
        clients.beforeResponse(request, reply);
        done(null, payload);
      });
      if (logResponse !== undefined) {
        app.addHook('onResponse', (request, reply, done) => {
          logResponse(request, reply);
          done();
        });
      }
    },
  };
}

function setApiHeaders(reply: FastifyReply): void {
  reply.header('X-Content-Type-Options', 'nosniff');
  reply.header('Cache-Control', 'no-store');
}

function refuseWhileStopping(clients: ClientConnections): RequestCheck {
  return (request) => {
    if (!clients.isStopping || isHealthPath(request.routeOptions.url)) return undefined;
    return new AppError('unavailable', { detail: 'the service is stopping' });
  };
}
