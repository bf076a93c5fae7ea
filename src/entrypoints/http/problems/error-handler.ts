// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * How an error becomes a problem. Checks, routes and the core throw or pass on an `AppError`, Fastify an error of its
 * own. Both come here: `toInvalidRequest` names the fields that a schema refuses, `toProblemDetails` finds the code, and
 * `sendProblem` looks up status, title and effect in the table of `problem-kinds.ts`. Errors that Fastify meets before
 * a request has a route go through `RequestHooks`, and bytes that are no HTTP through `client-error.ts`.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { traceOf } from '../requests/trace-requests.ts';
import type { HttpLog } from '../route.ts';
import { toInvalidRequest } from './invalid-request.ts';
import { sendProblem } from './problem.ts';
import { toProblemDetails } from './to-problem.ts';

// A bug that every request meets must not fill the disk with its stack.
const bugLogMs = 100;

/** Answers every request that met an error, and logs those that met a bug. */
export function errorHandler(
  log: HttpLog,
): (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => void {
  const logBug = bugLog(log);
  return (error, request, reply) => {
    const { validation, validationContext } = error;
    const fault = validation ? toInvalidRequest(validation, validationContext, request) : error;
    const details = toProblemDetails(fault, request.routeOptions.bodyLimit);
    // Fastify closes the connection after a body that it cannot read. Once all of the body is read there is no need to,
    // and the response to a next request that is under way already would be lost.
    if (request.raw.complete) reply.removeHeader('Connection');
    if (details.code === 'internal') logBug(request, error);
    sendProblem(reply, details);
  };
}

/** Logs bugs that requests met, one of them in each interval. */
export function bugLog(log: HttpLog): (request: FastifyRequest, error: unknown) => void {
  const mayLog = logThrottle(bugLogMs);
  return (request, error) => {
    if (!mayLog()) return;
    log.error(
      {
        requestId: request.id,
        ...traceOf(request),
        method: request.method,
        route: request.routeOptions.url,
        err: error,
      },
      'a request met an unexpected error',
    );
  };
}

/** Allows one log line in each interval. */
function logThrottle(intervalMs: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs < intervalMs) return false;
    lastMs = nowMs;
    return true;
  };
}
