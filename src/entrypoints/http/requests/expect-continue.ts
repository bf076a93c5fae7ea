// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage, Server } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../../../core/errors.ts';
import { headFault } from '../problems/invalid-request.ts';
import { encodingFault } from './json-body.ts';

/**
 * Handles `Expect: 100-continue`. Where the head of the request decides the response, the client gets its final status
 * and need not send the body; else it gets `100 Continue`. Other expectations are ignored.
 */
export class Expectations {
  private readonly waiting = new WeakSet<IncomingMessage>();

  /** Reads `Expect` on this server. */
  watch(server: Server): void {
    server.on('checkContinue', (request, response) => {
      this.waiting.add(request);
      server.emit('request', request, response);
    });
    // Without this Node answers an unknown `Expect` with an empty 417.
    server.on('checkExpectation', (request, response) => {
      server.emit('request', request, response);
    });
  }

  /** Whether the client still waits for `100 Continue` or the final status. */
  isWaiting(request: IncomingMessage): boolean {
    return this.waiting.has(request);
  }

  /** Sends `100 Continue` if the client waits for it, or returns the fault of the head. Runs before the body is read. */
  answer(request: FastifyRequest, reply: FastifyReply): AppError | undefined {
    if (!this.waiting.has(request.raw) || !readsBody(request)) return undefined;
    const fault = encodingFault(request) ?? headFault(request);
    if (fault !== undefined) return fault;
    this.waiting.delete(request.raw);
    reply.raw.writeContinue();
    return undefined;
  }
}

/** Whether the service reads the body that the head announces. Fastify refuses one that is too large. */
function readsBody({ method, is404, headers, routeOptions }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD' || is404) return false;
  if (headers['transfer-encoding'] !== undefined) return true;
  const bytes = Number(headers['content-length'] ?? 0);
  return bytes > 0 && bytes <= routeOptions.bodyLimit;
}
