// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../../../core/errors.ts';
import { bodyBytesMax } from '../requests/json-body.ts';
import { toClaimBody } from '../schemas/views.ts';
import type { ProblemDetails } from './problem.ts';

/**
 * Turns a fault of the core or an error of Fastify into a problem. All that is neither is a bug: `internal`. `bodyLimit` is that of
 * the route, in bytes.
 */
export function toProblemDetails(error: unknown, bodyLimit = bodyBytesMax): ProblemDetails {
  if (error instanceof AppError) {
    return {
      code: error.code,
      detail: error.detail,
      fields: error.fields,
      members: {
        ...(error.claimId !== undefined && { claim_id: error.claimId }),
        ...(error.ticketId !== undefined && { ticket_id: error.ticketId }),
        ...(error.lastClaim && { last_claim: toClaimBody(error.lastClaim) }),
      },
    };
  }
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return { code: 'body_too_large', detail: `the body is larger than ${bodyLimit / 1024} KiB` };
  }
  const known = code === undefined ? undefined : fastifyErrors[code];
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

const fastifyErrors: Record<string, ProblemDetails> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: notJson,
  FST_ERR_CTP_INVALID_JSON_BODY: notJson,
  FST_ERR_BAD_URL: {
    code: 'invalid_request',
    detail: 'path must be correctly percent-encoded',
    fields: [{ field: 'path', message: 'must be correctly percent-encoded' }],
  },
  FST_ERR_MAX_PARAM_LENGTH: {
    code: 'uri_too_long',
    detail: 'a segment of the path is longer than any name can be',
  },
};
