// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import type { ErrorCode, FieldError } from '../../../core/errors.ts';
import { problems } from './problem-kinds.ts';

/** The body of a problem, RFC 9457 with the family's `error` and our `code` and `effect`. */
export type ProblemBody = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  error: string;
  effect: 'none' | 'unknown';
  trace_id?: string;
};

/** What a problem says besides what its code implies. */
export type ProblemDetails = {
  code: ErrorCode;
  detail: string;
  fields?: FieldError[];
  /** Members of single codes: `claim`, `last_claim`, `opens_at`, `claim_id`, `ticket_id`. */
  members?: Record<string, unknown>;
  retryAfterSeconds?: number;
};

/** The `type` of a problem is this and its code. It identifies the code; the URL serves no page. */
export const problemTypeBase = 'https://firstcome.example/errors#';

/** The media type of every error. */
export const problemMediaType = 'application/problem+json';

/** The body of a problem as JSON text. */
export function problemBody(
  requestId: string,
  details: ProblemDetails,
  traceId?: string | undefined,
): string {
  return JSON.stringify(problemMembers(requestId, details, traceId));
}

/** The members of a problem. */
export function problemMembers(
  requestId: string,
  details: ProblemDetails,
  traceId?: string | undefined,
): ProblemBody {
  const kind = problems[details.code];
  const fields = details.fields ?? [];
  return {
    type: problemTypeBase + details.code,
    title: kind.title,
    status: kind.status,
    detail: details.detail,
    instance: `urn:request:${requestId}`,
    code: details.code,
    error: details.code === 'invalid_request' ? `${kind.error}: ${details.detail}` : kind.error,
    effect: kind.effect,
    ...(details.code === 'invalid_request' && { errors: fields }),
    ...details.members,
    ...(traceId !== undefined && { trace_id: traceId }),
  };
}

/** Sends a problem as the response. */
export function sendProblem(reply: FastifyReply, details: ProblemDetails): FastifyReply {
  const kind = problems[details.code];
  const retryAfter = retryAfterOf(details);
  if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter));
  if (details.code === 'unauthorized' && !reply.hasHeader('WWW-Authenticate')) {
    reply.header('WWW-Authenticate', 'Bearer');
  }
  return reply
    .code(kind.status)
    .header('Content-Type', problemMediaType)
    .send(problemBody(reply.request.id, details, reply.request.trace?.traceId));
}

/**
 * Creates a function that answers requests with the same problem, whose text is built once; only the request id differs.
 * In a sale nearly every response is `sold_out`, or `overloaded` in an overload, and building its text each time would
 * cost more than the decision.
 */
export function fixedProblem(
  code: ErrorCode,
  detail: string,
): (reply: FastifyReply, retryAfterSeconds?: number) => void {
  // None of these texts holds a NUL, and JSON writes it as \u0000.
  const [head = '', tail = ''] = problemBody('\0', { code, detail }).split('\\u0000');
  const { status, retryAfterSeconds: range } = problems[code];
  return (reply, retryAfter = drawSeconds(range)) => {
    if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter));
    const { id, trace } = reply.request;
    const end = trace === undefined ? tail : `${tail.slice(0, -1)},"trace_id":"${trace.traceId}"}`;
    reply
      .code(status)
      .header('Content-Type', problemMediaType)
      .send(head + id + end);
  };
}

/** The seconds of `Retry-After`; undefined for a problem that has none. Each call draws another number from the range of its code. */
export function retryAfterOf({ code, retryAfterSeconds }: ProblemDetails): number | undefined {
  return retryAfterSeconds ?? drawSeconds(problems[code].retryAfterSeconds);
}

function drawSeconds(range: { min: number; max: number } | undefined): number | undefined {
  if (range === undefined) return undefined;
  return range.min + Math.floor(Math.random() * (range.max - range.min + 1));
}
