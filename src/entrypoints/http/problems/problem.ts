// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { AppError, type ErrorCode, type FieldError } from '../../../core/errors.ts';
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

/** What a problem says beyond its code. */
export type ProblemDetails = {
  code: ErrorCode;
  detail: string;
  fields?: FieldError[];
  /** Further members, as the code has them: `claim`, `opens_at`, `claim_id`. */
  members?: Record<string, unknown>;
  retryAfterSeconds?: number;
};

/** Where the meaning of each code is documented. The address names the code; nothing is fetched from it. */
export const problemTypeBase = 'https://firstcome.example/errors#';

/** The media type of every error. */
export const problemMediaType = 'application/problem+json';

/** The body of a problem as JSON text. */
export function problemBody(
  requestId: string,
  details: ProblemDetails,
  traceId?: string | undefined,
): string {
  const kind = problems[details.code];
  const fields = details.fields ?? [];
  const body: ProblemBody = {
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
  return JSON.stringify(body);
}

/** Answers a request with a problem. */
export function sendProblem(reply: FastifyReply, details: ProblemDetails): FastifyReply {
  const kind = problems[details.code];
  const retryAfter = details.retryAfterSeconds ?? drawSeconds(kind.retryAfterSeconds);
  if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter));
  if (details.code === 'unauthorized') reply.header('WWW-Authenticate', 'Bearer');
  return reply
    .code(kind.status)
    .header('Content-Type', problemMediaType)
    .send(problemBody(reply.request.id, details, reply.request.trace?.traceId));
}

/**
 * Answers requests with one problem whose text is known beforehand but for the request's id: nearly every request of a
 * sale hears `sold_out`, or `overloaded` in an overload, and writing that out anew each time would cost more than
 * deciding it.
 */
export function fixedProblem(code: ErrorCode, detail: string): (reply: FastifyReply) => void {
  // A NUL is in no text of ours, and stands in JSON as this.
  const [head = '', tail = ''] = problemBody('\0', { code, detail }).split('\\u0000');
  const { status, retryAfterSeconds } = problems[code];
  return (reply) => {
    const retryAfter = drawSeconds(retryAfterSeconds);
    if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter));
    const { id, trace } = reply.request;
    const end = trace === undefined ? tail : `${tail.slice(0, -1)},"trace_id":"${trace.traceId}"}`;
    reply
      .code(status)
      .header('Content-Type', problemMediaType)
      .send(head + id + end);
  };
}

/** What a fault of the core, or of the framework, tells the caller. */
export function toProblemDetails(error: unknown): ProblemDetails {
  if (error instanceof AppError) {
    return {
      code: error.code,
      detail: error.detail,
      fields: error.fields,
      ...(error.claimId !== undefined && { members: { claim_id: error.claimId } }),
    };
  }
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  const known = code === undefined ? undefined : frameworkErrors[code];
  if (known !== undefined) return known;
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { code: 'invalid_request', detail: 'the request cannot be read' };
  }
  return { code: 'internal', detail: 'an unexpected error occurred' };
}

const notJson: ProblemDetails = {
  code: 'invalid_request',
  detail: 'body must be valid JSON',
  fields: [{ field: 'body', message: 'must be valid JSON' }],
};

const frameworkErrors: Record<string, ProblemDetails> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body_too_large', detail: 'the body is larger than 16 KiB' },
  FST_ERR_CTP_EMPTY_JSON_BODY: notJson,
  FST_ERR_CTP_INVALID_JSON_BODY: notJson,
  FST_ERR_BAD_URL: {
    code: 'invalid_request',
    detail: 'path must be correctly percent-encoded',
    fields: [{ field: 'path', message: 'must be correctly percent-encoded' }],
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'uri_too_long',
    detail: 'a part of the path is longer than any name can be',
  },
};

function drawSeconds(range: { min: number; max: number } | undefined): number | undefined {
  if (range === undefined) return undefined;
  return range.min + Math.floor(Math.random() * (range.max - range.min + 1));
}
