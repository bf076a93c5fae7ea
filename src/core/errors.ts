// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Every code that a caller of the service can hear as an error. The first group are faults that the core throws; the
 * second are outcomes of a claim that the HTTP contract tells as errors; the third only an entrypoint can find.
 */
export const errorCodes = [
  'invalid_request',
  'coupon_not_found',
  'coupon_exists',
  'claim_not_found',
  'idempotency_key_reused',
  'overloaded',
  'unavailable',
  'outcome_unknown',
  'internal',
  'sold_out',
  'already_claimed',
  'not_open',
  'paused',
  'closed',
  'unauthorized',
  'cross_origin',
  'host_not_allowed',
  'route_not_found',
  'method_not_allowed',
  'request_timeout',
  'body_too_large',
  'uri_too_long',
  'header_too_large',
  'rate_limited',
] as const;

/** One of `errorCodes`. */
export type ErrorCode = (typeof errorCodes)[number];

/** One thing wrong with a request: the field as the client names it, and what is allowed in words. */
export type FieldError = { field: string; message: string };

/** What is wrong with the fields, in one text. */
export function detailOf(fields: readonly FieldError[]): string {
  return fields.map(({ field, message }) => `${field} ${message}`).join('; ');
}

/** What an `AppError` tells besides its code. */
export type AppErrorOptions = {
  /** What went wrong, for the caller; holds no SQL, host name or stack. */
  detail: string;
  /** For `invalid_request`: each wrong field. */
  fields?: FieldError[];
  /** For `outcome_unknown` of a claim: the id under which the claim is stored, if it was. */
  claimId?: string;
  /** For the log only. */
  cause?: unknown;
};

/** A fault: this call cannot be served. Expected answers to a claim are returned as outcomes instead. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly fields: FieldError[];
  readonly claimId: string | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions) {
    super(`${code}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.fields = options.fields ?? [];
    this.claimId = options.claimId;
  }
}

/** The service cannot start as it is. The message tells an operator, in lines, what is wrong and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
