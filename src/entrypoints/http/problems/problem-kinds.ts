// SPDX-License-Identifier: GPL-3.0-or-later
import type { ErrorCode } from '../../../core/errors.ts';

/** How a code is told over HTTP. */
export type ProblemKind = {
  status: number;
  title: string;
  /** The text that clients of this API family look for; for `invalid_request` what is wrong follows it. */
  error: string;
  /** Whether the call changed anything: it did not, or nobody can tell. */
  effect: 'none' | 'unknown';
  /** Seconds after which another try makes sense; drawn anew each time, so that clients do not return as one crowd. */
  retryAfterSeconds?: { min: number; max: number };
  /** For the documentation: what it means and what a client does. */
  meaning: string;
};

/** The one table from codes to HTTP. */
export const problems: Record<ErrorCode, ProblemKind> = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    error: 'invalid request',
    effect: 'none',
    meaning:
      'The request breaks a rule; `errors` names each field and what is allowed. Mend it. ' +
      "Operators' calls also refuse unknown members and query parameters. No body may repeat a member.",
  },
  sold_out: {
    status: 400,
    title: 'Coupon out of stock',
    error: 'coupon out of stock',
    effect: 'none',
    meaning: 'No unit was left when the claim was decided. Added stock would change that.',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    error: 'unauthorized',
    effect: 'none',
    meaning: 'The call needs `Authorization: Bearer` with a key that it did not have.',
  },
  cross_origin: {
    status: 403,
    title: 'Cross-origin request',
    error: 'forbidden',
    effect: 'none',
    meaning:
      'A page of another origin sent it, and may not change anything. Add the origin to `CORS_ORIGINS` to allow it.',
  },
  host_not_allowed: {
    status: 403,
    title: 'Host not allowed',
    error: 'forbidden',
    effect: 'none',
    meaning:
      'The service does not answer under this `Host`; `detail` says which it allows. Add the name to `ALLOWED_HOSTS`.',
  },
  coupon_not_found: {
    status: 404,
    title: 'Coupon not found',
    error: 'coupon not found',
    effect: 'none',
    meaning: 'There is no coupon of this name.',
  },
  claim_not_found: {
    status: 404,
    title: 'Claim not found',
    error: 'claim not found',
    effect: 'none',
    meaning: 'The user holds no claim of this coupon.',
  },
  route_not_found: {
    status: 404,
    title: 'Not found',
    error: 'not found',
    effect: 'none',
    meaning: 'There is nothing at this path.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    error: 'method not allowed',
    effect: 'none',
    meaning: 'The path takes other methods; `Allow` lists them.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    error: 'request timeout',
    effect: 'none',
    meaning: 'The request was not complete in time.',
  },
  coupon_exists: {
    status: 409,
    title: 'Coupon already exists',
    error: 'coupon already exists',
    effect: 'none',
    meaning: 'The name is taken.',
  },
  already_claimed: {
    status: 409,
    title: 'Coupon already claimed by user',
    error: 'coupon already claimed by user',
    effect: 'none',
    meaning:
      'The user holds this coupon, as `claim` shows. After an `outcome_unknown`, a `claim_id` equal to the one told ' +
      'there means that that call succeeded.',
  },
  not_open: {
    status: 409,
    title: 'Coupon not open',
    error: 'coupon not open',
    effect: 'none',
    meaning: 'The sale opens at `opens_at`; `Retry-After` says in how many seconds.',
  },
  paused: {
    status: 409,
    title: 'Coupon paused',
    error: 'coupon paused',
    effect: 'none',
    meaning: 'An operator has stopped the sale for now.',
  },
  closed: {
    status: 409,
    title: 'Coupon closed',
    error: 'coupon closed',
    effect: 'none',
    meaning: 'The sale is over.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    error: 'body too large',
    effect: 'none',
    meaning: 'The body is larger than 16 KiB.',
  },
  uri_too_long: {
    status: 414,
    title: 'URI too long',
    error: 'uri too long',
    effect: 'none',
    meaning: 'A part of the path is longer than any name can be.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    error: 'idempotency key reused',
    effect: 'none',
    meaning:
      'This `Idempotency-Key` has added another number of units to this coupon. Nothing is changed. Send the first ' +
      'number to get that answer again, or use a new key.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    error: 'too many requests',
    effect: 'none',
    retryAfterSeconds: { min: 1, max: 5 },
    meaning: 'The caller asks too often.',
  },
  header_too_large: {
    status: 431,
    title: 'Header too large',
    error: 'header too large',
    effect: 'none',
    meaning: 'The headers are larger than `HTTP_HEADER_BYTES_MAX`.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    error: 'internal error',
    effect: 'unknown',
    meaning: 'A bug of the service. The log has more under the request id in `instance`.',
  },
  overloaded: {
    status: 503,
    title: 'Service overloaded',
    error: 'service overloaded',
    effect: 'none',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'More arrives than can be decided in time, or too many connections are open. Nothing is stored; ask again later.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    error: 'service unavailable',
    effect: 'none',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'The database cannot be used now, is another one than at the start, or refuses the request by a rule that no ' +
      'caller can keep; the service stops; or a coupon sells out again and again before stock can be added to it. ' +
      'Nothing is stored; retry later.',
  },
  outcome_unknown: {
    status: 503,
    title: 'Outcome unknown',
    error: 'outcome unknown',
    effect: 'unknown',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'The database was lost while it decided. Ask again with the same `Idempotency-Key`: the answer then is the ' +
      'truth. `claim_id` is the id under which the claim is stored, if it is.',
  },
};
