// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyRequest } from 'fastify';
import type { RequestTrace, TraceRequest } from '../../core/tracing.ts';
import type { HttpApp } from './parts.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where this request is not traced. */
    trace: RequestTrace | undefined;
  }
}

/** Traces every request but those for which `isLeftOut`. Without `traceRequest` no hook is added. */
export function traceRequests(
  app: HttpApp,
  traceRequest: TraceRequest | undefined,
  isLeftOut: (url: string) => boolean,
): void {
  app.decorateRequest('trace', undefined);
  if (traceRequest === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    if (!isLeftOut(request.url)) {
      const trace = traceRequest({
        id: request.id,
        method: request.method,
        url: request.url,
        route: request.is404 ? undefined : request.routeOptions.url,
        httpVersion: request.raw.httpVersion,
        headers: request.headers,
      });
      request.trace = trace;
      // Not `onResponse`, which is not called when the client goes before its answer.
      reply.raw.once('close', () => {
        trace.end(reply.raw.writableFinished ? reply.statusCode : undefined);
      });
    }
    done();
  });
  // Not before: the body is read in a context of the connection, which others of its requests share.
  app.addHook('preHandler', (request, _reply, done) => {
    if (request.trace === undefined) done();
    else request.trace.run(done);
  });
}

/** The trace id as a member of a log event; nothing where the request is not traced. */
export function traceOf({ trace }: FastifyRequest): { trace_id?: string } {
  return trace === undefined ? {} : { trace_id: trace.traceId };
}
