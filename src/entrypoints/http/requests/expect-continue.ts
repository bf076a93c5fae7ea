// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, Server } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { headFault } from '../problems/invalid-request.ts';
import type { HttpApp } from '../route.ts';
import { encodingFault } from './json-body.ts';

/** The requests of an app that wait for `100 Continue`. */
export type Expectations = {
  /** Reads `Expect` on this server. */
  watch(server: Server): void;
  /** Whether a request still waits for `100 Continue` or its final status. */
  isWaiting(request: IncomingMessage): boolean;
};

/**
 * Answers `Expect: 100-continue` with the final status where the head of the request decides it, else with `100
 * Continue`. Other expectations are ignored.
 */
export function meetExpectations(app: HttpApp): Expectations {
  const waiting = new WeakSet<IncomingMessage>();
  // Behind all rules that look at the head alone, and before the first byte of the body is read.
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (!waiting.has(request.raw) || !readsBody(request)) return done();
    const fault = encodingFault(request) ?? headFault(request);
    if (fault !== undefined) return done(fault);
    waiting.delete(request.raw);
    reply.raw.writeContinue();
    done();
  });
  return {
    watch: (server) => {
      server.on('checkContinue', (request, response) => {
        waiting.add(request);
        server.emit('request', request, response);
      });
      // Without this Node answers an `Expect` that it does not know with an empty 417.
      server.on('checkExpectation', (request, response) => {
        server.emit('request', request, response);
      });
    },
    isWaiting: (request) => waiting.has(request),
  };
}

/** Whether the service reads the body that the head announces. The framework refuses one that is too large. */
function readsBody({ method, is404, headers, routeOptions }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || is404) return false;
  if (headers['transfer-encoding'] !== undefined) return true;
  const bytes = Number(headers['content-length'] ?? 0);
  return bytes > 0 && bytes <= routeOptions.bodyLimit;
}
