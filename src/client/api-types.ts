// SPDX-License-Identifier: GPL-3.0-or-later
/** C */
export type ErrorCode =
  | 'invalid_request'
  | 'coupon_not_found'
  | 'coupon_exists'
  | 'claim_not_found'
  | 'webhook_not_found'
  | 'saga_not_found'
  | 'ticket_not_found'
  | 'dead_letter_not_found'
  | 'idempotency_key_reused'
  | 'overloaded'
  | 'unavailable'
  | 'outcome_unknown'
  | 'internal'
  | 'sold_out'
  | 'already_claimed'
  | 'not_open'
  | 'paused'
  | 'closed'
  | 'claim_limit_reached'
  | 'claim_released'
  | 'hold_expired'
  | 'already_redeemed'
  | 'not_confirmed'
  | 'claim_mismatch'
  | 'saga_running'
  | 'unauthorized'
  | 'forbidden'
  | 'cross_origin'
  | 'host_not_allowed'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'body_too_large'
  | 'uri_too_long'
  | 'header_too_large'
  | 'rate_limited';
/** P */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  error: string;
  effect: 'none' | 'unknown';
  claim?: Claim;
  claim_id?: string;
  ticket_id?: string;
  opens_at?: string;
};
/** C */
export type Claim = {
  message?: string;
  claim_id: string;
  coupon_name: string;
  user_id: string;
  position: number;
  claimed_at: string;
  state: string;
  expires_at?: string;
};
/** T */
export type Ticket = { ticket_id: string; state: string; coupon_name?: string; user_id?: string };
/** T */
export type AcceptedTicket = {
  ticket_id: string;
  state: 'accepted';
  coupon_name: string;
  user_id: string;
};
