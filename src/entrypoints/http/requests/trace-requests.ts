// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { RequestTrace, TraceRequest } from '../../../core/tracing.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where this request is not traced. */
    trace: RequestTrace | undefined;
  }
}

/** Starts the trace of a request. */
export type StartTrace = (request: FastifyRequest, reply: FastifyReply) => void;

/** Starts the trace of every request but those that `isLeftOut` names; undefined without `traceRequest`. */
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
    // `onResponse` would not run for a client that is gone before its response.
    reply.raw.once('close', () => {
      if (request.trace === undefined) return;
      trace.end(reply.raw.writableFinished ? reply.statusCode : undefined);
    });
  };
}

/** Ends the trace of a request whose response begins now and ends when the client wants. */
export function endTraceOf(request: FastifyRequest, status: number): void {
  request.trace?.end(status);
  request.trace = undefined;
}

/**
 * Runs the rest of a request in the context of its trace. A `preHandler` hook: the body is read in a context of the
 * connection, which other requests on it share.
 */
export function runInTrace(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction,
): void {
  if (request.trace === undefined) done();
  else request.trace.run(done);
}

/** Undefined without a route, and for `*`, the route of preflights, which is not part of the API. */
function routeOf({ is404, routeOptions }: FastifyRequest): string | undefined {
  return is404 || routeOptions.url === '*' ? undefined : routeOptions.url;
}

/** The trace id as a member of a log event; nothing where the request is not traced. */
export function traceOf({ trace }: FastifyRequest): { trace_id?: string } {
  return trace === undefined ? {} : { trace_id: trace.traceId };
}
