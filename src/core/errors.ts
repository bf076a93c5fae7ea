// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim } from './claims/claim.ts';

/**
 * Every error code that a caller of the service can get. First the faults that the core throws, up to `internal`; then
 * the outcomes of a claim, and of a change of one, that are errors over HTTP, up to
 * `claim_mismatch`; then the faults that only an entrypoint finds.
 */
export const errorCodes = [
  'invalid_request',
  'coupon_not_found',
  'coupon_exists',
  'claim_not_found',
  'webhook_not_found',
  'saga_not_found',
  'ticket_not_found',
  'dead_letter_not_found',
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
  'claim_limit_reached',
  'claim_released',
  'hold_expired',
  'already_redeemed',
  'not_confirmed',
  'claim_mismatch',
  'saga_running',
  'unauthorized',
  'forbidden',
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

/** An invalid field of a request: its name as the client knows it, and what is allowed in it. */
export type FieldError = { field: string; message: string };

/** One text that describes all invalid fields. */
export function detailOf(fields: readonly FieldError[]): string {
  return fields.map(({ field, message }) => `${field} ${message}`).join('; ');
}

/** The details of an `AppError`. */
export type AppErrorOptions = {
  /** What went wrong, for the caller; contains no SQL, host name or stack. */
  detail: string;
  /** For `invalid_request`: each invalid field. */
  fields?: FieldError[];
  /**
   * For `outcome_unknown` of a claim: the id under which the claim is stored, if it was. For that of a change of a claim: the
   * id that the call named.
   */
  claimId?: string;
  /** For `outcome_unknown` of a claim that may be in the queue: the id of its ticket. */
  ticketId?: string;
  /** The fault of a claim that has waited for its ticket: its final state. */
  isOfTicket?: boolean;
  /** For `unavailable`: the database works, and a rule of it refuses this one call. Another attempt meets the same rule. */
  refusedByRule?: boolean;
  /** For `claim_not_found`: the last claim of the user that was released, if there was one. */
  lastClaim?: Claim;
  /** For the log only. */
  cause?: unknown;
};

/** A fault: this call cannot be served. Expected answers to a claim are outcomes, which are returned. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly fields: FieldError[];
  readonly claimId: string | undefined;
  readonly ticketId: string | undefined;
  readonly isOfTicket: boolean;
  readonly refusedByRule: boolean;
  readonly lastClaim: Claim | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions) {
    super(`${code}: ${options.detail}`, { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.fields = options.fields ?? [];
    this.claimId = options.claimId;
    this.ticketId = options.ticketId;
    this.isOfTicket = options.isOfTicket ?? false;
    this.refusedByRule = options.refusedByRule ?? false;
    this.lastClaim = options.lastClaim;
  }
}

/** The service cannot start. The message says in lines, for an operator, what is wrong and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
