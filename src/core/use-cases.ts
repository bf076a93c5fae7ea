// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChangeClaim } from './claims/change-claim.ts';
import type { ClaimCoupon } from './claims/claim-coupon.ts';
import type { ReadClaims } from './claims/read-claims.ts';
import type { ReadTimeline } from './claims/read-timeline.ts';
import type { AddStock } from './coupons/add-stock.ts';
import type { ChangeCoupon } from './coupons/change-coupon.ts';
import type { CheckCoupon } from './coupons/check-coupon.ts';
import type { CreateCoupon } from './coupons/create-coupon.ts';
import type { ReadCoupons } from './coupons/read-coupons.ts';
import type { ReadOverview } from './coupons/read-overview.ts';
import type { ErrorCode } from './errors.ts';
import type { LostHistoryStore } from './history/ports.ts';
import type { ReadOperatorLog } from './operator-log/operator-log.ts';
import type { ReadOutcomes } from './outcomes/read-outcomes.ts';
import type { ReadSagas } from './sagas/read-sagas.ts';
import type { ResolveSaga } from './sagas/resolve-saga.ts';
import type { RetrySaga } from './sagas/retry-saga.ts';
import type { CreateWebhook } from './webhooks/create-webhook.ts';
import type { DeleteWebhook } from './webhooks/delete-webhook.ts';
import type { EnableWebhook } from './webhooks/enable-webhook.ts';
import type { ReadWebhooks } from './webhooks/read-webhooks.ts';
import type { RedeliverEvents } from './webhooks/redeliver-events.ts';
import type { RotateWebhookSecret } from './webhooks/rotate-webhook-secret.ts';
import type { TestWebhook } from './webhooks/test-webhook.ts';

/** What every entrypoint can call. */
export type UseCases = {
  claimCoupon: ClaimCoupon;
  /** Returns a new UUID for a `ClaimCommand`. */
  newClaimId(): string;
  /**
   * Counts a claim that an entrypoint refused at once, without a call of `claimCoupon`, by its coupon where the body of the
   * request was read.
   */
  claimRefused(code: ErrorCode, couponName?: string | undefined): void;
  changeClaim: ChangeClaim;
  readCoupons: ReadCoupons;
  createCoupon: CreateCoupon;
  changeCoupon: ChangeCoupon;
  addStock: AddStock;
  readClaims: ReadClaims;
  readOperatorLog: ReadOperatorLog;
  lostHistory: LostHistoryStore;
};

/** What the service can call besides: a program that embeds the engine has no webhooks. */
export type WebhookUseCases = {
  createWebhook: CreateWebhook;
  readWebhooks: ReadWebhooks;
  deleteWebhook: DeleteWebhook;
  enableWebhook: EnableWebhook;
  rotateWebhookSecret: RotateWebhookSecret;
  redeliverEvents: RedeliverEvents;
  testWebhook: TestWebhook;
};

/** What operators can do with sagas. */
export type SagaUseCases = { readSagas: ReadSagas; retrySaga: RetrySaga; resolveSaga: ResolveSaga };

/** How operators watch a sale. */
export type WatchUseCases = {
  readOutcomes: ReadOutcomes;
  readOverview: ReadOverview;
  readTimeline: ReadTimeline;
  checkCoupon: CheckCoupon;
};
