// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestTrace, TraceRequest } from '../../../core/tracing.ts';
import type { HttpApp } from '../route.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where this request is not traced. */
    trace: RequestTrace | undefined;
  }
}

/** Starts the trace of a request that is to have one. */
export type StartTrace = (request: FastifyRequest, reply: FastifyReply) => void;

/** What starts the trace of every request but those for which `isLeftOut`; undefined without `traceRequest`. */
export function traceStart(
  traceRequest: TraceRequest | undefined,
  isLeftOut: (url: string) => boolean,
): StartTrace | undefined {
  if (traceRequest === undefined) return undefined;
  return (request, reply) => {
    if (isLeftOut(request.url)) return;
    const trace = traceRequest({
      id: request.id,
      method: request.method,
      url: request.url,
      route: routeOf(request),
      httpVersion: request.raw.httpVersion,
      headers: request.headers,
    });
    request.trace = trace;
    // Not `onResponse`, which is not called when the client goes before its answer.
    reply.raw.once('close', () => {
      trace.end(reply.raw.writableFinished ? reply.statusCode : undefined);
    });
  };
}

/** Traces the requests of a server. Without `start` no hook is added. */
export function traceRequests(app: HttpApp, start: StartTrace | undefined): void {
  app.decorateRequest('trace', undefined);
  if (start === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    start(request, reply);
    done();
  });
  // Not before: the body is read in a context of the connection, which others of its requests share.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.trace === undefined) done();
    else request.trace.run(done);
  });
}

/** Undefined where there is no route; that of preflights, `*`, is none of an API. */
function routeOf({ is404, routeOptions }: FastifyRequest): string | undefined {
  return is404 || routeOptions.url === '*' ? undefined : routeOptions.url;
}

/** The trace id as a member of a log event; nothing where the request is not traced. */
export function traceOf({ trace }: FastifyRequest): { trace_id?: string } {
  return trace === undefined ? {} : { trace_id: trace.traceId };
}
