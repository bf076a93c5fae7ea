// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpLog } from '../route.ts';
import { traceOf } from './trace-requests.ts';

/** Logs one request and its response. */
export type LogResponse = (request: FastifyRequest, reply: FastifyReply) => void;

/** Logs each response at the level debug; undefined where that level is off. */
export function responseLog({ debug }: HttpLog): LogResponse | undefined {
  if (debug === undefined) return undefined;
  return (request, reply) =>
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
    );
}
