// SPDX-License-Identifier: GPL-3.0-or-later
import type { ErrorCode } from '../../../core/errors.ts';
import { notFoundKinds } from './not-found-kinds.ts';
import type { ProblemKind } from './problem-kind.ts';

/** The HTTP form of every code. */
export const problems: Record<ErrorCode, ProblemKind> = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    error: 'invalid request',
    effect: 'none',
    meaning:
      'The request breaks a rule; `errors` names each field and what is allowed. Fix it and send it again. ' +
      'Calls of operators also refuse unknown members and query parameters. No body may repeat a member.',
  },
  sold_out: {
    status: 400,
    title: 'Coupon out of stock',
    error: 'coupon out of stock',
    effect: 'none',
    meaning:
      'No unit was left when the claim was decided. A later claim may succeed if stock is added or a unit comes back.',
  },
  unauthorized: {
    status: 401,
    title: 'Unauthorized',
    error: 'unauthorized',
    effect: 'none',
    meaning:
      'The call needs a valid key, or a valid user token where the service accepts them, sent as `Authorization: Bearer`. With ' +
      'user tokens, `detail` says why a token is not valid.',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    error: 'forbidden',
    effect: 'none',
    meaning:
      'The key is valid, but not for this call: only the admin key may change coupons and webhooks, release confirmed claims and make ' +
      'a release final; the viewer key only reads; the claim key only claims, reads single claims, confirms, redeems, ' +
      'and releases what is reserved. A user token reaches only the claims of its own user: it claims, reads, and releases ' +
      'what is reserved.',
  },
  cross_origin: {
    status: 403,
    title: 'Cross-origin request',
    error: 'forbidden',
    effect: 'none',
    meaning:
      'A page of another origin sent the call, and such pages may not change anything. Add the origin to `CORS_ORIGINS` ' +
      'to allow it. A request with a session of the console must come from a page of the service itself, whatever that says.',
  },
  host_not_allowed: {
    status: 403,
    title: 'Host not allowed',
    error: 'forbidden',
    effect: 'none',
    meaning:
      'The service does not answer under this `Host`; `detail` says which it allows. Add the name to `ALLOWED_HOSTS`.',
  },
  ...notFoundKinds,
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    error: 'method not allowed',
    effect: 'none',
    meaning: 'The path does not support this method. `Allow` lists those it supports.',
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
      'The user holds this coupon, as `claim` shows. After an `outcome_unknown`, a `claim_id` equal to ' +
      'the one in that error means that the first call succeeded.',
  },
  not_open: {
    status: 409,
    title: 'Coupon not open',
    error: 'coupon not open',
    effect: 'none',
    meaning: 'The sale opens at `opens_at`, which is in `Retry-After` seconds.',
  },
  paused: {
    status: 409,
    title: 'Coupon paused',
    error: 'coupon paused',
    effect: 'none',
    meaning: 'An operator has paused the sale.',
  },
  closed: {
    status: 409,
    title: 'Coupon closed',
    error: 'coupon closed',
    effect: 'none',
    meaning: 'The sale is over, or the coupon is archived.',
  },
  claim_limit_reached: {
    status: 409,
    title: 'Claim limit reached',
    error: 'claim limit reached',
    effect: 'none',
    meaning:
      'This user has claimed the coupon as often as `claims_per_user_max` allows, or an operator has excluded ' +
      'the user with a final release.',
  },
  claim_released: {
    status: 409,
    title: 'Claim released',
    error: 'claim released',
    effect: 'none',
    meaning:
      'The claim was released. `claim` is that claim. A new claim needs a new `Idempotency-Key`.',
  },
  hold_expired: {
    status: 409,
    title: 'Hold expired',
    error: 'hold expired',
    effect: 'none',
    meaning:
      'The hold of the claim has expired before it was confirmed. `claim` is that claim. A new claim needs a new ' +
      '`Idempotency-Key`.',
  },
  already_redeemed: {
    status: 409,
    title: 'Claim already redeemed',
    error: 'claim already redeemed',
    effect: 'none',
    meaning:
      'The claim is redeemed, so it cannot be confirmed, released or redeemed again. `claim` is that claim.',
  },
  not_confirmed: {
    status: 409,
    title: 'Claim not confirmed',
    error: 'claim not confirmed',
    effect: 'none',
    meaning: 'The claim is still reserved. Confirm it before you redeem it. `claim` is that claim.',
  },
  claim_mismatch: {
    status: 409,
    title: 'Claim mismatch',
    error: 'claim mismatch',
    effect: 'none',
    meaning:
      '`claim_id` is no claim of this user and coupon, or a `release` without `claim_id` could mean an earlier ' +
      'claim than the live one. `claim` is the live claim, if there is one. Send its `claim_id`.',
  },
  saga_running: {
    status: 409,
    title: 'Saga running',
    error: 'saga running',
    effect: 'none',
    meaning:
      'The saga of the claim, `saga_id`, confirms or releases it. `GET /api/sagas/{id}` shows its steps. An operator can ' +
      'ask for the undo with a release.',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    error: 'body too large',
    effect: 'none',
    meaning: 'The body is larger than 16 KiB, or 1 MiB for many claims in one call.',
  },
  uri_too_long: {
    status: 414,
    title: 'URI too long',
    error: 'uri too long',
    effect: 'none',
    meaning: 'A segment of the path is longer than any name can be.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    error: 'idempotency key reused',
    effect: 'none',
    meaning:
      'This `Idempotency-Key` was used to add another number of units to this coupon, or to create another webhook. Nothing ' +
      'changed. Send the first body to get the first response again, or use a new key.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    error: 'too many requests',
    effect: 'none',
    meaning:
      'More requests than a [rate limit](rate-limits.md) allows. `detail` says which limit, and `RateLimit` what is left of ' +
      'it. Send the request again after `Retry-After`.',
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
    meaning: 'A bug in the service. The log has details under the request id in `instance`.',
  },
  overloaded: {
    status: 503,
    title: 'Service overloaded',
    error: 'service overloaded',
    effect: 'none',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'More requests arrive than the service can decide in time, or too many connections are open. Nothing is stored; ' +
      'retry later.',
  },
  unavailable: {
    status: 503,
    title: 'Service unavailable',
    error: 'service unavailable',
    effect: 'none',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'The database cannot be used now, is not the one that the service was started on, or refuses the request by a ' +
      'rule that no caller can meet; or the service is stopping; or a coupon keeps selling out before stock can be ' +
      'added to it; or the keys of user tokens cannot be fetched. Nothing is stored; retry later.',
  },
  outcome_unknown: {
    status: 503,
    title: 'Outcome unknown',
    error: 'outcome unknown',
    effect: 'unknown',
    retryAfterSeconds: { min: 1, max: 3 },
    meaning:
      'The database got the request, but its answer was lost. Send the request again with the same `Idempotency-Key`, ' +
      'until the status is neither 5xx nor 429: that response is final. `claim_id` is the id of the claim, if it is stored. A ' +
      '`confirm`, and a `release` with `claim_id`, need no key.',
  },
};
