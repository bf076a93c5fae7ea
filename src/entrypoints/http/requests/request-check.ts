// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../../../core/errors.ts';

/** Checks the head of a request. Returns the fault that refuses it, undefined to let it pass. Runs for every request. */
export type RequestCheck = (request: FastifyRequest, reply: FastifyReply) => AppError | undefined;

/** The fault of the first check that refuses the request. */
export function firstRefusal(
  checks: readonly RequestCheck[],
  request: FastifyRequest,
  reply: FastifyReply,
): AppError | undefined {
  for (const check of checks) {
    const fault = check(request, reply);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
