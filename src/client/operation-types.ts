// SPDX-License-Identifier: GPL-3.0-or-later
import type * as api from './api-types.ts';
import type { CallOptions, KeyedOptions } from './options.ts';
import type { ReadResult, WriteResult } from './results.ts';
import type { WatchOperations } from './watch-operation-types.ts';

/** An operation takes no arguments. */
export type NoArguments = Record<string, never>;

/** The stock of a coupon at a moment. */
export type StockEvent = {
  remaining_amount: number;
  /** Units that are claimed. */
  claimed: number;
  state: api.CouponState;
  at: string;
};

/**
 * A method for each operation of the API. Its arguments are the members of path, query and body, its value is the body of
 * the response. A call resolves with a result, and rejects only when its signal aborts, for wrong options, and where
 * something else than a firstcome service answers. An iterator also throws a `FirstcomeError` where the service refuses.
 */
export interface Operations extends WatchOperations {
  /**
   * Creates a coupon. A lost request is sent again only if it cannot have reached the service. Otherwise the outcome is
   * `unknown`, and `readCoupon` shows whether the coupon exists.
   */
  createCoupon(
    args: api.CreateCouponArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Coupon>>;

  /** Reads a page of coupons. */
  listCoupons(
    args?: api.ListCouponsArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.CouponPage>>;

  /** Iterates over all coupons, page by page. */
  eachCoupon(
    args?: Omit<api.ListCouponsArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.CouponSummary>;

  /** Reads a coupon. */
  readCoupon(args: api.ReadCouponArguments, options?: CallOptions): Promise<ReadResult<api.Coupon>>;

  /** Changes a coupon. A lost request is sent again only if it cannot have reached the service. */
  changeCoupon(
    args: api.ChangeCouponArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Coupon>>;

  /** Adds units to a coupon, once for a key. */
  addStock(args: api.AddStockArguments, options?: KeyedOptions): Promise<WriteResult<api.Coupon>>;

  /** Iterates over the stock of a coupon as it changes, the present one first. Connects again when the stream breaks. */
  streamStock(
    args: api.ReadCouponArguments,
    options?: CallOptions,
  ): AsyncIterableIterator<StockEvent>;

  /** Reads a page of the claims of a coupon, in order of position. */
  listClaims(
    args: Omit<api.ListClaimsArguments, 'for'>,
    options?: CallOptions,
  ): Promise<ReadResult<api.ClaimPage>>;

  /** Iterates over the claims of a coupon, page by page. A page that is lost is read again. */
  eachClaim(
    args: Omit<api.ListClaimsArguments, 'cursor' | 'for'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.Claim>;

  /**
   * Iterates over the claims of a coupon in one response, which is faster than pages. Throws if it breaks. `timeoutMs`
   * is for its start.
   */
  exportClaims(
    args: Omit<api.ListClaimsArguments, 'cursor' | 'limit' | 'for'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.Claim>;

  /** Reads the live claim of a user. */
  findClaim(args: api.FindClaimArguments, options?: CallOptions): Promise<ReadResult<api.Claim>>;

  /** Confirms a reserved claim. Repeats are safe, since they name the claim. */
  confirmClaim(
    args: api.ConfirmClaimArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Claim>>;

  /** Releases a claim, so that its unit is on sale again. Repeats are safe, since they name the claim. */
  releaseClaim(
    args: api.ReleaseClaimArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Claim>>;

  /** Redeems a confirmed claim, once for a key. */
  redeemClaim(
    args: api.RedeemClaimArguments,
    options?: KeyedOptions,
  ): Promise<WriteResult<api.Claim>>;

  /** Reads a page of the claims of a user. */
  listUserClaims(
    args: api.ListUserClaimsArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.ClaimPage>>;

  /** Iterates over the claims of a user, page by page. */
  eachUserClaim(
    args: Omit<api.ListUserClaimsArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.Claim>;

  /** Reads the state of a ticket. */
  readTicket(args: api.ReadTicketArguments, options?: CallOptions): Promise<ReadResult<api.Ticket>>;

  /** Iterates over the states of a ticket, and ends with the final one. Connects again when the stream breaks. */
  streamTicket(
    args: api.ReadTicketArguments,
    options?: CallOptions,
  ): AsyncIterableIterator<api.Ticket>;

  /** Creates a webhook, once for a key. A replay does not show the secret. */
  createWebhook(
    args: api.CreateWebhookArguments,
    options?: KeyedOptions,
  ): Promise<WriteResult<api.WebhookWithSecret>>;

  /** Reads all webhooks. */
  listWebhooks(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.WebhookList>>;

  /** Reads a webhook. */
  readWebhook(
    args: api.ReadWebhookArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.Webhook>>;

  /** Deletes a webhook. */
  deleteWebhook(
    args: api.DeleteWebhookArguments,
    options?: CallOptions,
  ): Promise<WriteResult<undefined>>;

  /** Sends events again to a webhook that was disabled. */
  enableWebhook(
    args: api.EnableWebhookArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Webhook>>;

  /** Gives a webhook a new secret. */
  rotateWebhookSecret(
    args: api.RotateWebhookSecretArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.WebhookWithSecret>>;

  /** Reads a page of the deliveries of a webhook. */
  listWebhookDeliveries(
    args: api.ListWebhookDeliveriesArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.DeliveryPage>>;

  /** Iterates over the deliveries of a webhook, page by page. */
  eachWebhookDelivery(
    args: Omit<api.ListWebhookDeliveriesArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.Delivery>;

  /** Delivers events of a webhook again. */
  redeliverEvents(
    args: api.RedeliverEventsArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.RedeliveredEvents>>;

  /** Sends a test event to a webhook. */
  testWebhook(
    args: api.TestWebhookArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.TestDelivery>>;

  /** Reads a page of sagas. */
  listSagas(
    args?: api.ListSagasArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.SagaPage>>;

  /** Iterates over sagas, page by page. */
  eachSaga(
    args?: Omit<api.ListSagasArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.SagaSummary>;

  /** Reads a saga with its steps. */
  readSaga(args: api.ReadSagaArguments, options?: CallOptions): Promise<ReadResult<api.Saga>>;

  /** Lets a saga that needs attention go on. */
  retrySaga(args: api.RetrySagaArguments, options?: CallOptions): Promise<WriteResult<api.Saga>>;

  /** Ends a saga that needs attention as an operator says. */
  resolveSaga(
    args: api.ResolveSagaArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.Saga>>;

  /** Reads a page of dead letters. */
  listDeadLetters(
    args?: api.ListDeadLettersArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.DeadLetterPage>>;

  /** Iterates over dead letters, page by page. */
  eachDeadLetter(
    args?: Omit<api.ListDeadLettersArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.DeadLetter>;

  /** Reads a dead letter. */
  readDeadLetter(
    args: api.ReadDeadLetterArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.DeadLetter>>;

  /** Puts the claims of dead letters into the queue again. */
  redriveDeadLetters(
    args: api.RedriveDeadLettersArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.HandledDeadLetters>>;

  /** Removes dead letters. */
  discardDeadLetters(
    args: api.DiscardDeadLettersArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.HandledDeadLetters>>;

  /** Reads a page of the operator log. */
  listOperatorLog(
    args?: api.ListOperatorLogArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.OperatorLogPage>>;

  /** Iterates over the operator log, page by page. */
  eachOperatorLogEntry(
    args?: Omit<api.ListOperatorLogArguments, 'cursor'>,
    options?: CallOptions,
  ): AsyncIterableIterator<api.OperatorLogEntry>;

  /** Starts a session that stands for a key of operators. Only a page of the service itself can use its cookie. */
  createConsoleSession(
    args: api.CreateConsoleSessionArguments,
    options?: CallOptions,
  ): Promise<WriteResult<undefined>>;

  /** Reads who the session of this page stands for, and when it ends. */
  readConsoleSession(
    args?: NoArguments,
    options?: CallOptions,
  ): Promise<ReadResult<api.ConsoleSession>>;

  /** Ends the session of this page. */
  deleteConsoleSession(args?: NoArguments, options?: CallOptions): Promise<WriteResult<undefined>>;

  /** Reads what the database lacks of acknowledged claims. */
  readLostHistory(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.LostHistory>>;

  /** Accepts the loss of acknowledged claims. */
  acceptHistory(
    args: api.AcceptHistoryArguments,
    options?: CallOptions,
  ): Promise<WriteResult<api.AcceptedHistory>>;

  /** Reads whether claims can be decided. `value.status` says it; an unhealthy service is `ok`, with status 503. */
  readHealth(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.Health>>;

  /** Reads the same as `readHealth`, below `/api`. */
  readApiHealth(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.Health>>;

  /** Reads the same as `readHealth`; unhealthy also while the service stops. */
  readReadiness(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.Health>>;

  /** Reads whether the process responds. */
  readLiveness(args?: NoArguments, options?: CallOptions): Promise<ReadResult<api.Liveness>>;

  /** Reads the metrics as Prometheus text. */
  readMetrics(args?: NoArguments, options?: CallOptions): Promise<ReadResult<string>>;
}
