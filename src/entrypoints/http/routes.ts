// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from './route.ts';
import { acceptHistoryRoute } from './routes/accept-history.ts';
import { addStockRoute } from './routes/add-stock.ts';
import { changeClaimRoute } from './routes/change-claim.ts';
import { changeCouponRoute } from './routes/change-coupon.ts';
import { changeDeadLettersRoute } from './routes/change-dead-letters.ts';
import { checkCouponRoute } from './routes/check-coupon.ts';
import { claimBatchRoute } from './routes/claim-batch.ts';
import { claimCouponRoute } from './routes/claim-coupon.ts';
import { consoleSessionRoute } from './routes/console-session.ts';
import { createCouponRoute } from './routes/create-coupon.ts';
import { createWebhookRoute } from './routes/create-webhook.ts';
import { deleteWebhookRoute } from './routes/delete-webhook.ts';
import { enableWebhookRoute } from './routes/enable-webhook.ts';
import { findClaimRoute } from './routes/find-claim.ts';
import { healthRoute } from './routes/health.ts';
import { listClaimsRoute } from './routes/list-claims.ts';
import { listCouponsRoute } from './routes/list-coupons.ts';
import { listDeadLettersRoute } from './routes/list-dead-letters.ts';
import { listOperatorLogRoute } from './routes/list-operator-log.ts';
import { listSagasRoute } from './routes/list-sagas.ts';
import { listUserClaimsRoute } from './routes/list-user-claims.ts';
import { listWebhookDeliveriesRoute } from './routes/list-webhook-deliveries.ts';
import { metricsRoute } from './routes/metrics.ts';
import { readCouponRoute } from './routes/read-coupon.ts';
import { readDeadLetterRoute } from './routes/read-dead-letter.ts';
import { readLostHistoryRoute } from './routes/read-lost-history.ts';
import { readOutcomeHistoryRoute } from './routes/read-outcome-history.ts';
import { readOverviewRoute } from './routes/read-overview.ts';
import { readSagaRoute } from './routes/read-saga.ts';
import { readTicketRoute } from './routes/read-ticket.ts';
import { readTimelineRoute } from './routes/read-timeline.ts';
import { readWebhooksRoute } from './routes/read-webhooks.ts';
import { redeliverEventsRoute } from './routes/redeliver-events.ts';
import { resolveSagaRoute } from './routes/resolve-saga.ts';
import { retrySagaRoute } from './routes/retry-saga.ts';
import { rotateWebhookSecretRoute } from './routes/rotate-webhook-secret.ts';
import { streamOutcomesRoute } from './routes/stream-outcomes.ts';
import { streamStockRoute } from './routes/stream-stock.ts';
import { streamTicketRoute } from './routes/stream-ticket.ts';
import { testWebhookRoute } from './routes/test-webhook.ts';

/** What a process serves that has no API. */
export const monitoringRoutes: readonly Route[] = [healthRoute, metricsRoute];

/** Every route of the API, in the order of `openapi.json`. A new route is a file in `routes/` and a line here. */
export const routes: readonly Route[] = [
  createCouponRoute,
  claimCouponRoute,
  claimBatchRoute,
  readTicketRoute,
  streamTicketRoute,
  readCouponRoute,
  streamStockRoute,
  readOverviewRoute,
  streamOutcomesRoute,
  readOutcomeHistoryRoute,
  checkCouponRoute,
  listCouponsRoute,
  changeCouponRoute,
  addStockRoute,
  listClaimsRoute,
  findClaimRoute,
  changeClaimRoute,
  listUserClaimsRoute,
  readTimelineRoute,
  listOperatorLogRoute,
  readLostHistoryRoute,
  acceptHistoryRoute,
  createWebhookRoute,
  readWebhooksRoute,
  deleteWebhookRoute,
  enableWebhookRoute,
  rotateWebhookSecretRoute,
  listWebhookDeliveriesRoute,
  redeliverEventsRoute,
  testWebhookRoute,
  listSagasRoute,
  readSagaRoute,
  retrySagaRoute,
  resolveSagaRoute,
  listDeadLettersRoute,
  readDeadLetterRoute,
  changeDeadLettersRoute,
  consoleSessionRoute,
  ...monitoringRoutes,
];
