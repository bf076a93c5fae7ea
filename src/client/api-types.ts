// SPDX-License-Identifier: GPL-3.0-or-later
/** What the client sends and returns. Generated from the routes by `npm run generate`. */

/** Whether a coupon takes claims now, and if not, why. */
export type CouponState = 'scheduled' | 'open' | 'paused' | 'closed';
/** How far a claim has come. */
export type ClaimState = 'reserved' | 'confirmed' | 'redeemed' | 'released';
/** What happened to a claim or a coupon. */
export type EventType =
  | 'claim.reserved'
  | 'claim.confirmed'
  | 'claim.released'
  | 'claim.redeemed'
  | 'coupon.sold_out'
  | 'coupon.stock_low'
  | 'coupon.back_in_stock'
  | 'coupon.opened'
  | 'coupon.closed';
/** `running`: its steps are run in order. `compensating`: they are undone in reverse order. `needs_attention`: a call has failed too often, and an operator decides. `done`: its claim is confirmed. `compensated`: its claim is released. */
export type SagaState = 'running' | 'compensating' | 'needs_attention' | 'done' | 'compensated';
/** What went wrong, for programs. */
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
/** The body that the single call would have had, with its `status`: a claim (200), a ticket (202) or a problem. */
export type ClaimResult = ClaimedResult | AcceptedResult | ProblemResult;

/** Create a coupon: its arguments. */
export interface CreateCouponArguments {
  /** Unique. Any Unicode without control characters; nothing is normalised. */
  name: string;
  amount: number;
  opens_at?: string | null;
  closes_at?: string | null;
  /** Seconds that a claim is reserved; it must be confirmed before they are over. null: claims are confirmed at once. Fixed at creation. */
  hold_seconds?: number | null;
  /** How many claims of this coupon one user can make in all, released ones included, and never two live ones at once. Fixed at creation. */
  claims_per_user_max?: number;
  /** The saga that each claim is the first step of: a name in `SAGAS_FILE`, with `hold_seconds`. It confirms the claim at its end, or undoes its steps and releases it. null: none. Fixed at creation. */
  saga?: string | null;
  /** From this number of remaining units down the stock counts as low. Fixed at creation. */
  stock_low_at?: number | null;
  title?: string | null;
  description?: string | null;
  /** Why the sale is paused. It stays until it is changed. */
  pause_reason?: string | null;
}
/** List coupons: its arguments. */
export interface ListCouponsArguments {
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
  state?: CouponState;
  /** The first characters of the name. */
  name_prefix?: string;
  /** The newest first; by default the oldest. */
  order?: 'newest';
  archived?: boolean;
}
/** Claim one unit of a coupon for a user: its arguments. */
export interface ClaimCouponArguments {
  /** An opaque id that the caller chooses, the same for the same person. */
  user_id?: string;
  coupon_name: string;
}
/** Read the state of a queued claim: its arguments. */
export interface ReadTicketArguments {
  ticket_id: string;
}
/** Read a coupon: its arguments. */
export interface ReadCouponArguments {
  name: string;
}
/** Change the sale window or the texts, pause, resume or archive: its arguments. */
export interface ChangeCouponArguments {
  name: string;
  opens_at?: string | null;
  closes_at?: string | null;
  paused?: boolean;
  archived?: boolean;
  title?: string | null;
  description?: string | null;
  /** Why the sale is paused. It stays until it is changed. */
  pause_reason?: string | null;
}
/** Read a sale at a glance: its arguments. */
export interface ReadOverviewArguments {
  name: string;
}
/** Follow how the claims of a coupon are answered: its arguments. */
export interface StreamOutcomesArguments {
  name: string;
}
/** Read how the claims of a coupon were answered in the last minutes: its arguments. */
export interface ReadOutcomeHistoryArguments {
  /** How far back. */
  minutes?: number;
  name: string;
}
/** Check that stock, claims and ledger of a coupon agree: its arguments. */
export interface CheckCouponArguments {
  name: string;
}
/** Add units to a coupon: its arguments. */
export interface AddStockArguments {
  name: string;
  add: number;
}
/** List the claims of a coupon, in order of position: its arguments. */
export interface ListClaimsArguments {
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
  /** Repeat it for several states. By default every state but `released`; with `position` or `claim_id` every state. */
  state?: ClaimState[];
  position?: number;
  claim_id?: string;
  /** The response is CSV for a spreadsheet, whatever `Accept` says: it begins with a byte order mark, and an apostrophe stands before text that would be a formula, such as `'=1+1`. */
  for?: 'spreadsheet';
  coupon_name: string;
}
/** Read one user's live claim: its arguments. */
export interface FindClaimArguments {
  coupon_name: string;
  user_id: string;
}
/** Confirm a reserved claim: its arguments. */
export interface ConfirmClaimArguments {
  coupon_name: string;
  user_id: string;
  /** The claim to change. Always send it: without it the call means the live claim, or else the last one. */
  claim_id: string;
}
/** Release a claim: its arguments. */
export interface ReleaseClaimArguments {
  coupon_name: string;
  user_id: string;
  /** The claim to change. Always send it: without it the call means the live claim, or else the last one. */
  claim_id: string;
  /** Kept with the claim. `expired` and `saga` are reserved for the service. */
  reason?: string;
  /** The user can never claim this coupon again. For the admin key. */
  final?: boolean;
}
/** Redeem a confirmed claim, once: its arguments. */
export interface RedeemClaimArguments {
  coupon_name: string;
  user_id: string;
  /** The claim to change. Always send it: without it the call means the live claim, or else the last one. */
  claim_id: string;
}
/** List the claims of a user over all coupons, in order of their creation: its arguments. */
export interface ListUserClaimsArguments {
  user_id: string;
  /** Repeat it for several states. By default every state but `released`. */
  state?: ClaimState[];
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}
/** Read what happened to a claim: its arguments. */
export interface ReadTimelineArguments {
  coupon_name: string;
  claim_id: string;
}
/** List what operators created and changed, the newest first: its arguments. */
export interface ListOperatorLogArguments {
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}
/** Go on without the acknowledged batches that the database lacks: its arguments. */
export interface AcceptHistoryArguments {
  /** As `readLostHistory` returns it. */
  found_until: string;
}
/** Create a webhook: its arguments. */
export interface CreateWebhookArguments {
  /** HTTPS, at a public address. It is fixed, as the other members are. */
  url: string;
  /** @minItems 1 */
  events: EventType[];
  coupon_name?: string;
}
/** Read a webhook: its arguments. */
export interface ReadWebhookArguments {
  id: string;
}
/** Delete a webhook and its deliveries: its arguments. */
export interface DeleteWebhookArguments {
  id: string;
}
/** Enable a disabled webhook: its arguments. */
export interface EnableWebhookArguments {
  id: string;
}
/** Give a webhook a new secret: its arguments. */
export interface RotateWebhookSecretArguments {
  id: string;
}
/** List the deliveries of a webhook, the newest event first: its arguments. */
export interface ListWebhookDeliveriesArguments {
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
  id: string;
}
/** Send events again: its arguments. */
export interface RedeliverEventsArguments {
  id: string;
  event_id?: string;
  since?: string;
  until?: string;
}
/** Send a sample of an event: its arguments. */
export interface TestWebhookArguments {
  id: string;
}
/** List sagas, the oldest first: its arguments. */
export interface ListSagasArguments {
  /** Repeat it for several states. By default every state. */
  state?: SagaState[];
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}
/** Read a saga and its steps: its arguments. */
export interface ReadSagaArguments {
  id: string;
}
/** Let a saga that needs attention go on: its arguments. */
export interface RetrySagaArguments {
  id: string;
}
/** End a saga that needs attention: its arguments. */
export interface ResolveSagaArguments {
  id: string;
  /** What is true outside of the service by now: `done` confirms the claim, `compensated` releases it. */
  as: 'done' | 'compensated';
  /** How the operator knows. It is kept in the operator log. */
  note: string;
}
/** List dead letters, the oldest first: its arguments. */
export interface ListDeadLettersArguments {
  limit?: number;
  /** The `next_cursor` of the previous page. */
  cursor?: string;
}
/** Read a dead letter: its arguments. */
export interface ReadDeadLetterArguments {
  id: string;
}
/** Put the claims of dead letters into the queue again: its arguments. */
export interface RedriveDeadLettersArguments {
  /**
   * @minItems 1
   * @maxItems 1000
   */
  ids?: string[];
  all?: true;
  /** Changes nothing, and returns what would be done. */
  dry_run?: boolean;
}
/** Remove dead letters: its arguments. */
export interface DiscardDeadLettersArguments {
  /**
   * @minItems 1
   * @maxItems 1000
   */
  ids?: string[];
  all?: true;
  /** Changes nothing, and returns what would be done. */
  dry_run?: boolean;
}
/** Log in to the console: its arguments. */
export interface CreateConsoleSessionArguments {
  key: string;
}
/** A problem as RFC 9457 defines it. Programs decide by `code` and `effect`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  /** The text that clients of this API family compare with. */
  error: string;
  /** none: the call changed nothing. unknown: it may have changed something. */
  effect: 'none' | 'unknown';
  /** With `invalid_request`. */
  errors?: FieldError[];
  claim?: Claim;
  last_claim?: Claim;
  claim_id?: string;
  ticket_id?: string;
  saga_id?: string;
  opens_at?: string;
  /** The trace of this request, if traces are enabled. */
  trace_id?: string;
  [k: string]: unknown;
}
/** A field that is not valid. */
export interface FieldError {
  field: string;
  /** What is allowed in it. */
  message: string;
}
/** The claim. */
export interface Claim {
  message?: string;
  claim_id: string;
  coupon_name: string;
  user_id: string;
  /** The number of the claim in the order of its coupon. Never given twice: after releases there are gaps, and it may exceed `amount`. */
  position: number;
  claimed_at: string;
  state: ClaimState;
  /** When the hold ends; only while the claim is reserved. */
  expires_at?: string;
  /** Only after a confirm. */
  confirmed_at?: string;
  /** Only once it is redeemed. */
  redeemed_at?: string;
  /** Only once it is released. */
  released_at?: string;
  /** Why it was released: `expired` for a hold that ended, else as the caller said. */
  reason?: string;
  /** The saga that confirms or releases the claim; only where its coupon names one. */
  saga_id?: string;
  saga_state?: SagaState;
}
/** The coupon. */
export interface Coupon {
  message?: string;
  name: string;
  /** Units offered in total. */
  amount: number;
  /** Units that no claim holds. */
  remaining_amount: number;
  state: CouponState;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  /** An archived coupon is closed, whatever its window and pause. */
  archived: boolean;
  /** Seconds that a claim is reserved; it must be confirmed before they are over. null: claims are confirmed at once. Fixed at creation. */
  hold_seconds: number | null;
  /** How many claims of this coupon one user can make in all, released ones included, and never two live ones at once. Fixed at creation. */
  claims_per_user_max: number;
  /** The saga that each claim is the first step of: a name in `SAGAS_FILE`, with `hold_seconds`. It confirms the claim at its end, or undoes its steps and releases it. null: none. Fixed at creation. */
  saga: string | null;
  /** From this number of remaining units down the stock counts as low. Fixed at creation. */
  stock_low_at: number | null;
  title: string | null;
  description: string | null;
  /** Why the sale is paused. It stays until it is changed. */
  pause_reason: string | null;
  /** The path of the claims of this coupon. */
  claims_url: string;
  /** The users who hold a unit, in order of position: the first 1,000. */
  claimed_by?: string[];
  /** Replaces claimed_by where the caller needs the admin or viewer key and sends neither. */
  claimed_by_hidden?: boolean;
}
/** A page of coupons. */
export interface CouponPage {
  coupons: CouponSummary[];
  next_cursor: string | null;
}
/** A coupon in a list. */
export interface CouponSummary {
  name: string;
  /** Units offered in total. */
  amount: number;
  /** Units that no claim holds. */
  remaining_amount: number;
  state: CouponState;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  /** An archived coupon is closed, whatever its window and pause. */
  archived: boolean;
  /** Seconds that a claim is reserved; it must be confirmed before they are over. null: claims are confirmed at once. Fixed at creation. */
  hold_seconds: number | null;
  /** How many claims of this coupon one user can make in all, released ones included, and never two live ones at once. Fixed at creation. */
  claims_per_user_max: number;
  /** The saga that each claim is the first step of: a name in `SAGAS_FILE`, with `hold_seconds`. It confirms the claim at its end, or undoes its steps and releases it. null: none. Fixed at creation. */
  saga: string | null;
  /** From this number of remaining units down the stock counts as low. Fixed at creation. */
  stock_low_at: number | null;
  title: string | null;
  description: string | null;
  /** Why the sale is paused. It stays until it is changed. */
  pause_reason: string | null;
  /** The path of the claims of this coupon. */
  claims_url: string;
}
/** The claim waits in the queue. Its result can be read under this ticket. */
export interface AcceptedTicket {
  /** Opaque and safe in a URL. */
  ticket_id: string;
  state: 'accepted';
  coupon_name: string;
  user_id: string;
}
/** The ticket. */
export interface Ticket {
  /** Opaque and safe in a URL. */
  ticket_id: string;
  /** `accepted`: the claim waits for its decision. `decided`: `result` has the decision. `expired`: it was not decided in `TICKET_EXPIRES_SECONDS` and never wins. `failed`: it cannot be decided; nothing of it is stored. Only `accepted` changes. */
  state: 'accepted' | 'decided' | 'expired' | 'failed';
  result?: ClaimResult;
}
/** The claim was made. */
export interface ClaimedResult {
  /** The status that the single call would have had. */
  status: 200;
  message?: string;
  claim_id: string;
  coupon_name: string;
  user_id: string;
  /** The number of the claim in the order of its coupon. Never given twice: after releases there are gaps, and it may exceed `amount`. */
  position: number;
  claimed_at: string;
  state: ClaimState;
  /** When the hold ends; only while the claim is reserved. */
  expires_at?: string;
  /** Only after a confirm. */
  confirmed_at?: string;
  /** Only once it is redeemed. */
  redeemed_at?: string;
  /** Only once it is released. */
  released_at?: string;
  /** Why it was released: `expired` for a hold that ended, else as the caller said. */
  reason?: string;
  /** The saga that confirms or releases the claim; only where its coupon names one. */
  saga_id?: string;
  saga_state?: SagaState;
  /** true where the single call would have had `Idempotency-Replayed`. */
  replayed?: boolean;
}
/** The claim waits in the queue. */
export interface AcceptedResult {
  /** The status that the single call would have had. */
  status: 202;
  /** Opaque and safe in a URL. */
  ticket_id: string;
  state: 'accepted';
  coupon_name: string;
  user_id: string;
  /** What `Location` of the single call would have been. */
  location: string;
}
/** The claim was not made, or its outcome is unknown. */
export interface ProblemResult {
  type: string;
  title: string;
  /** The status that the single call would have had. */
  status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 414 | 422 | 429 | 431 | 500 | 503;
  detail: string;
  instance: string;
  code: ErrorCode;
  /** The text that clients of this API family compare with. */
  error: string;
  /** none: the call changed nothing. unknown: it may have changed something. */
  effect: 'none' | 'unknown';
  /** With `invalid_request`. */
  errors?: FieldError[];
  claim?: Claim;
  last_claim?: Claim;
  claim_id?: string;
  ticket_id?: string;
  saga_id?: string;
  opens_at?: string;
  /** The trace of this request, if traces are enabled. */
  trace_id?: string;
  /** What `Retry-After` of the single call would have been. */
  retry_after?: number;
  [k: string]: unknown;
}
/** `Overview` of the OpenAPI. */
export interface Overview {
  coupon: CouponSummary;
  /** Live claims: `amount` - `remaining_amount`. */
  claimed: number;
  /** The time of the snapshot with `coupon` and `claimed`; half a second old at most. */
  at: string;
  /** Null: they could not be counted in time. */
  claims: ClaimsByState | null;
  /** Claims that waited in all processes, at the end of the last second that is complete. Null: unknown. */
  waiting_claims: number | null;
  /** Half of the claims of the last ten seconds were answered in this time. Null: none was. */
  p50_ms: number | null;
  /** The same for 99 of 100 claims. */
  p99_ms: number | null;
  /** When the last of these ten seconds ended. */
  answers_until: string;
  /** The clock of the database, after all other parts were read. */
  server_time: string;
}
/** `ClaimsByState` of the OpenAPI. */
export interface ClaimsByState {
  reserved: number;
  confirmed: number;
  redeemed: number;
  /** Claims that have ended, of all time. */
  released: number;
  /** The time of the snapshot with these four. The more claims there are, the older it may be: a count is repeated after 20 times as long as it takes. */
  at: string;
}
/** `OutcomeHistory` of the OpenAPI. */
export interface OutcomeHistory {
  coupon_name: string;
  /** When the first second began. */
  from: string;
  /** When the last second ended. Later ones are not complete yet. */
  until: string;
  /** In order. In a second that is left out no claim was answered, none waited and the stock did not change, unless it is in `unknown`. */
  seconds: OutcomeSecond[];
  /** Stretches in which counts are missing: what is left out there is not zero. */
  unknown: {
    /** When its first second began. */
    from: string;
    /** When its last second ended. */
    until: string;
  }[];
}
/** `OutcomeSecond` of the OpenAPI. */
export interface OutcomeSecond {
  /** When the second began, by the clock of the database. */
  at: string;
  /** False: some counts are missing. Those that are there may be too low. */
  complete: boolean;
  /** How many claims of the coupon got each outcome or error code. `accepted`: the claim got a ticket; its decision is counted when it is made. Those that did not occur are left out. Null: unknown. */
  outcomes: {
    [k: string]: number;
  } | null;
  /** Claims that were refused before their body was read, by error code. They may be of any coupon. Null: unknown. */
  unattributed: {
    [k: string]: number;
  } | null;
  /** Half of the claims were answered in this time, in milliseconds; at most a fifth too high. Null: none was answered, or it is unknown. */
  p50_ms: number | null;
  /** The same for 99 of 100 claims. */
  p99_ms: number | null;
  /** Claims and changes of claims that waited for their batch, in all processes. Null: unknown. */
  waiting_claims: number | null;
  /** Units that were left right after the end of the second, read at most one second later. Null: they were not read then, because nothing changed, so that the last number before still holds, or because the counts came late. */
  remaining_amount: number | null;
}
/** `CheckedCoupon` of the OpenAPI. */
export interface CheckedCoupon {
  coupon_name: string;
  /** When the check began, by the clock of the database. */
  checked_at: string;
  /** At that time, as the next one. */
  amount: number;
  remaining_amount: number;
  /** False: a rule is broken. Null: none is, but not all are finished. */
  consistent: boolean | null;
  rules: CheckedRule[];
}
/** `CheckedRule` of the OpenAPI. */
export interface CheckedRule {
  name: string;
  /** What is true of consistent records. */
  sentence: string;
  /** `not_finished`: it would have taken too long. That says nothing about the records. */
  result: 'passed' | 'broken' | 'not_finished';
  /** How many rows break it: 100 stands for more, too. */
  rows?: number;
  /** Some of them. */
  examples?: unknown[];
}
/** A page of claims. */
export interface ClaimPage {
  claims: Claim[];
  next_cursor: string | null;
}
/** `Timeline` of the OpenAPI. */
export interface Timeline {
  claim: Claim;
  entries: TimelineEntry[];
}
/** `TimelineEntry` of the OpenAPI. */
export interface TimelineEntry {
  /** When it happened. Of a delivery: its last attempt, or the event before the first one. Null: a step whose first call has not ended. */
  at: string | null;
  kind: 'change' | 'operator' | 'delivery' | 'saga_step';
  /** Of a change: `claimed`, `confirmed`, `redeemed` or `released`. Of what an operator did: its action in the operator log. Of a delivery: the type of the event. Of a step: its name. */
  name: string;
  /** Why a claim was released, or what an operator has given as reason. */
  reason?: string;
  /** The operator, as the operator log has it; only where it knows one. */
  actor?: string;
  /** Of a delivery or a step. */
  state?: string;
  /** Of a delivery. */
  webhook_id?: string;
  /** Of a delivery. */
  event_id?: string;
  /** Of a step. */
  participant?: string;
  /** Of a delivery or a step. */
  attempts?: number;
  /** Of a delivery or a step: the status of the last response; null where none arrived. */
  last_status?: number | null;
  last_error?: string | null;
}
/** A page of the operator log. */
export interface OperatorLogPage {
  entries: OperatorLogEntry[];
  next_cursor: string | null;
}
/** What an operator created or changed. */
export interface OperatorLogEntry {
  id: string;
  at: string;
  /** Which key the call had. `anonymous`: none, where none is needed. */
  actor: 'admin' | 'admin-next' | 'anonymous' | 'library' | 'cli';
  action:
    | 'create_coupon'
    | 'change_coupon'
    | 'archive_coupon'
    | 'unarchive_coupon'
    | 'add_stock'
    | 'release_claim'
    | 'create_webhook'
    | 'delete_webhook'
    | 'rotate_webhook_secret'
    | 'enable_webhook'
    | 'retry_saga'
    | 'resolve_saga'
    | 'redrive_dead_letter'
    | 'discard_dead_letter'
    | 'accept_history';
  /** null: a webhook for the events of all coupons, or a dead letter without a claim. */
  coupon_name: string | null;
  before:
    LoggedCoupon | LoggedClaim | LoggedWebhook | LoggedSaga | LoggedDeadLetter | LoggedLoss | null;
  after:
    LoggedCoupon | LoggedClaim | LoggedWebhook | LoggedSaga | LoggedDeadLetter | LoggedLoss | null;
  reason: string | null;
  request_id: string | null;
}
/** With the changes of a coupon. */
export interface LoggedCoupon {
  amount: number;
  remaining_amount: number;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  archived: boolean;
  /** Seconds that a claim is reserved; it must be confirmed before they are over. null: claims are confirmed at once. Fixed at creation. */
  hold_seconds?: number | null;
  /** How many claims of this coupon one user can make in all, released ones included, and never two live ones at once. Fixed at creation. */
  claims_per_user_max?: number;
  /** The saga that each claim is the first step of: a name in `SAGAS_FILE`, with `hold_seconds`. It confirms the claim at its end, or undoes its steps and releases it. null: none. Fixed at creation. */
  saga?: string | null;
  /** From this number of remaining units down the stock counts as low. Fixed at creation. */
  stock_low_at?: number | null;
  title?: string | null;
  description?: string | null;
  /** Why the sale is paused. It stays until it is changed. */
  pause_reason?: string | null;
}
/** With `release_claim`. */
export interface LoggedClaim {
  claim_id: string;
  user_id: string;
  position: number;
  claimed_at: string;
  state: ClaimState;
  expires_at?: string;
  confirmed_at?: string;
  released_at?: string;
  reason?: string;
  saga_state?: SagaState;
  final?: boolean;
}
/** With the changes of a webhook. */
export interface LoggedWebhook {
  webhook_id: string;
  url: string;
  events: string[];
  /** How many secrets sign its deliveries. */
  secret_count: number;
  /** Before `enable_webhook`: why it was disabled. */
  disabled_reason?: string;
}
/** With `retry_saga` and `resolve_saga`. */
export interface LoggedSaga {
  saga_id: string;
  saga: string;
  user_id: string;
  position: number;
  state: SagaState;
  /** The step that is run or undone next. */
  step: number;
  cause?: string;
  resolved_as?: 'done' | 'compensated';
}
/** Before `redrive_dead_letter` and `discard_dead_letter`. */
export interface LoggedDeadLetter {
  dead_letter_id: string;
  claim_id: string | null;
  user_id: string | null;
  /** Why it was a dead letter. */
  dead_reason: string;
}
/** Before `accept_history`: what the database lacks of the coupon. */
export interface LoggedLoss {
  lost_batches: number;
  lost_claims: number;
  lost_changes: number;
  /** The highest position that is known of it. */
  last_position: number;
}
/** The loss that no operator has accepted. */
export interface LostHistory {
  /** How many batches are known to be lost. */
  total: number;
  /** When the last of them was found: what `accept` takes. null where none is lost. */
  found_until: string | null;
  /** The first 1000, in the order in which they were acknowledged. */
  batches: LostBatch[];
}
/** A batch that the database lacks. */
export interface LostBatch {
  batch_id: string;
  coupon_name: string;
  /** How many claims the batch had acknowledged. */
  claims: number;
  /** How many confirms, releases and redeems it had acknowledged. */
  changes: number;
  /** Of the last of these claims, or of those that were changed. Another user may have this position by now. */
  position: number;
  /** The user of the same claim. */
  user_id: string;
  /** By the clock of the process that acknowledged it. */
  acknowledged_at: string;
  /** When the first process found that the database lacks it. */
  found_at: string;
  /** Host and process id of that process. */
  found_by: string;
}
/** What was accepted. */
export interface AcceptedHistory {
  message: string;
  /** How many batches. */
  accepted: number;
}
/** The webhook, and its newest secret. */
export interface WebhookWithSecret {
  message?: string;
  id: string;
  url: string;
  /** @minItems 1 */
  events: EventType[];
  /** null: the events of all coupons. */
  coupon_name: string | null;
  /** It gets what happens from then on. */
  created_at: string;
  /** Since when it gets no events, because its receiver wants no more. */
  disabled_at: string | null;
  disabled_reason: string | null;
  /** Shown only now: it signs every request, as Standard Webhooks 1.0 defines it. */
  secret?: string;
}
/** All webhooks. */
export interface WebhookList {
  webhooks: Webhook[];
}
/** The webhook, without its secrets. */
export interface Webhook {
  message?: string;
  id: string;
  url: string;
  /** @minItems 1 */
  events: EventType[];
  /** null: the events of all coupons. */
  coupon_name: string | null;
  /** It gets what happens from then on. */
  created_at: string;
  /** Since when it gets no events, because its receiver wants no more. */
  disabled_at: string | null;
  disabled_reason: string | null;
}
/** A page of deliveries. */
export interface DeliveryPage {
  deliveries: Delivery[];
  next_cursor: string | null;
}
/** An event that a webhook is to get, or has got. */
export interface Delivery {
  event_id: string;
  type: EventType;
  /** When it happened. */
  timestamp: string;
  /** given_up: 24 hours of attempts have failed, or the webhook was disabled. */
  state: 'pending' | 'delivered' | 'given_up';
  /** Since it was last asked for. */
  attempts: number;
  last_attempt_at: string | null;
  /** The status of the last response; null where none arrived. */
  last_status: number | null;
  last_error: string | null;
  next_attempt_at: string | null;
}
/** The events are sent again. */
export interface RedeliveredEvents {
  message: string;
  /** How many events are sent again. */
  events: number;
}
/** What the receiver answered. */
export interface TestDelivery {
  event_id: string;
  /** The status is one of 200 to 299. */
  delivered: boolean;
  /** null: no response arrived. */
  status: number | null;
  error: string | null;
}
/** A page of sagas. */
export interface SagaPage {
  sagas: SagaSummary[];
  next_cursor: string | null;
}
/** A saga in a list, without its steps. */
export interface SagaSummary {
  saga_id: string;
  /** Its name in `SAGAS_FILE`. */
  saga: string;
  /** The version of its steps, which it keeps; null before the first call. */
  version: string | null;
  state: SagaState;
  coupon_name: string;
  claim_id: string;
  user_id: string;
  position: number;
  /** When its claim was made. */
  started_at: string;
  /** From then on no further step is run, and it is undone. */
  deadline_at: string;
  /** null until it is done or compensated. */
  ended_at: string | null;
  /** When the next call is due; null where none is. */
  next_attempt_at: string | null;
  /** Why it is undone, or needs attention. */
  cause: string | null;
}
/** The saga with its steps. */
export interface Saga {
  message?: string;
  saga_id: string;
  /** Its name in `SAGAS_FILE`. */
  saga: string;
  /** The version of its steps, which it keeps; null before the first call. */
  version: string | null;
  state: SagaState;
  coupon_name: string;
  claim_id: string;
  user_id: string;
  position: number;
  /** When its claim was made. */
  started_at: string;
  /** From then on no further step is run, and it is undone. */
  deadline_at: string;
  /** null until it is done or compensated. */
  ended_at: string | null;
  /** When the next call is due; null where none is. */
  next_attempt_at: string | null;
  /** Why it is undone, or needs attention. */
  cause: string | null;
  /** In order; none before the first call. */
  steps: SagaStep[];
}
/** A step of a saga. */
export interface SagaStep {
  name: string;
  participant: string;
  /** `pending`: not called yet, or called now. `unknown`: called, and no answer says whether it was done. `declined`: the participant has answered that it was not done. */
  state: 'pending' | 'done' | 'declined' | 'unknown' | 'undone';
  /** Calls of its current or last direction. */
  attempts: number;
  /** The status of the last response; null where none arrived. */
  last_status: number | null;
  last_error: string | null;
  /** null before the first call has ended. */
  changed_at: string | null;
}
/** A page of dead letters. */
export interface DeadLetterPage {
  dead_letters: DeadLetter[];
  /** How many there are in all. */
  total: number;
  next_cursor: string | null;
}
/** The dead letter. */
export interface DeadLetter {
  /** Made from what the letter holds: letters that are equal in all share it. */
  dead_letter_id: string;
  /** Why it is a dead letter. */
  reason: string;
  /** When it became one; null where it does not say. */
  died_at: string | null;
  /** Why it holds no claim that can be decided: then it can only be read and discarded. null: it can be redriven. */
  unreadable: string | null;
  /** null where the letter holds no claim that can be decided. */
  claim_id: string | null;
  /** null where the letter holds no claim that can be decided. */
  coupon_name: string | null;
  /** null where the letter holds no claim that can be decided. */
  user_id: string | null;
  /** null where the letter holds no claim that can be decided. */
  accepted_at: string | null;
  size_bytes: number;
  /** The message as it came, `base64` where it is no text. null where it is too large: in a list beyond 16384 bytes, else beyond 16 MiB. */
  body: {
    encoding: 'utf8' | 'base64';
    text: string;
  } | null;
}
/** What the call has done. */
export interface HandledDeadLetters {
  message: string;
  dry_run: boolean;
  /** How many letters were changed, or would be. */
  done: number;
  /** How many cannot be redriven, since they hold no claim that can be decided. */
  refused_count: number;
  /** The first 100 of them. */
  refused: {
    dead_letter_id: string;
    reason: string;
  }[];
  /** Ids without a dead letter. */
  not_found: string[];
  /** How many of the chosen letters are still to be done. A call does at most 1000: call again. */
  left: number;
  /** Why the call has stopped before; null where it has not. */
  stopped_by: string | null;
}
/** `ConsoleSession` of the OpenAPI. */
export interface ConsoleSession {
  /** `viewer`: may read, and change nothing. */
  role: 'operator' | 'viewer';
  /** The service has no admin key: every caller is an operator. */
  open_access: boolean;
  /** When the session ends in any case. Null: there is none. */
  ends_at: string | null;
  /** When it ends without another request; half a minute too early at most. */
  idle_ends_at: string | null;
}
/** Whether claims can be decided, and how. */
export interface Health {
  status: 'healthy' | 'unhealthy';
  version: string;
  database: 'bundled' | 'external';
  /** What an acknowledged claim survives: the loss of the primary (replicated), a crash and a power failure (local), or neither (unsafe). Absent while the database does not respond. */
  durability?: 'replicated' | 'local' | 'unsafe';
  /** Why the service is unhealthy, if it is more than a database that cannot decide claims. installation_changed: the database is not the one that the service was started on, so it was replaced or restored. All calls are unavailable until the right database is back, or until a restart of the service accepts this one. history_lost: the database lacks claims, or changes of claims, that were acknowledged, as after a failover to a server that was behind. All calls are unavailable until an operator accepts that with `firstcome accept-history`, or until a server is back that has them. commits_stalled: the database answers, but no commit succeeds, for example because its synchronous standby does not confirm them. Claims get 503 until commits succeed again. durability_too_low: the database commits less durably than DURABILITY_MIN demands, so claims and changes get 503 until it does again. */
  reason?: 'installation_changed' | 'history_lost' | 'commits_stalled' | 'durability_too_low';
  /** Present with AMQP_URL. away: RabbitMQ is not connected or takes no messages, so no claim can be queued now. The service stays healthy then. */
  queue?: 'up' | 'away';
  /** Present and true if administration needs no key. */
  anonymous_admin?: boolean;
  /** The work that one process does for all nodes on this database, and which one does it, as of some seconds ago. Without a node nothing runs it now. Absent while the database does not respond. */
  duties?: Duty[];
  /** Present and true until `firstcome migrate --finish`: the database still has the functions of earlier releases. Until then holds, and the confirm, release and redeem of a claim, are unavailable. */
  upgrade_unfinished?: boolean;
}
/** Work that one process does for all. */
export interface Duty {
  name: 'stock_check' | 'expiry_sweep' | 'event_relay' | 'ticket_retention';
  /** Host and process id of the process that runs the duty. */
  node?: string;
  since?: string;
}
/** The process responds. */
export interface Liveness {
  status: 'alive';
}
