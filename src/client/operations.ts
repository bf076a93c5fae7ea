// SPDX-License-Identifier: GPL-3.0-or-later
import type { Operations } from './operation-types.ts';

type OneAnswer = Exclude<keyof Operations, keyof typeof pages | keyof typeof streams>;

/**
 * Method and path of each operation with one answer, and how a lost request is repeated. Without a word: a `GET` always, any
 * other only if it cannot have taken effect. `key`: with the same key. `id`: the claim id makes it safe. `health`: 503 is
 * an answer.
 */
export const operations = {
  createCoupon: 'POST /api/coupons',
  listCoupons: 'GET /api/coupons',
  readCoupon: 'GET /api/coupons/{name}',
  changeCoupon: 'PATCH /api/coupons/{name}',
  readOverview: 'GET /api/coupons/{name}/overview',
  readOutcomeHistory: 'GET /api/coupons/{name}/outcomes/history',
  checkCoupon: 'POST /api/coupons/{name}/check',
  addStock: 'POST /api/coupons/{name}/stock key',
  listClaims: 'GET /api/coupons/{coupon_name}/claims',
  findClaim: 'GET /api/coupons/{coupon_name}/claims/{user_id}',
  confirmClaim: 'POST /api/coupons/{coupon_name}/claims/{user_id}/confirm id',
  releaseClaim: 'POST /api/coupons/{coupon_name}/claims/{user_id}/release id',
  redeemClaim: 'POST /api/coupons/{coupon_name}/claims/{user_id}/redeem key',
  listUserClaims: 'GET /api/claims',
  readTimeline: 'GET /api/claims/{claim_id}/timeline',
  readTicket: 'GET /api/tickets/{ticket_id}',
  createWebhook: 'POST /api/webhooks key',
  listWebhooks: 'GET /api/webhooks',
  readWebhook: 'GET /api/webhooks/{id}',
  deleteWebhook: 'DELETE /api/webhooks/{id}',
  enableWebhook: 'POST /api/webhooks/{id}/enable',
  rotateWebhookSecret: 'POST /api/webhooks/{id}/rotate-secret',
  listWebhookDeliveries: 'GET /api/webhooks/{id}/deliveries',
  redeliverEvents: 'POST /api/webhooks/{id}/redeliver',
  testWebhook: 'POST /api/webhooks/{id}/test',
  listSagas: 'GET /api/sagas',
  readSaga: 'GET /api/sagas/{id}',
  retrySaga: 'POST /api/sagas/{id}/retry',
  resolveSaga: 'POST /api/sagas/{id}/resolve',
  listDeadLetters: 'GET /api/dead-letters',
  readDeadLetter: 'GET /api/dead-letters/{id}',
  redriveDeadLetters: 'POST /api/dead-letters/redrive',
  discardDeadLetters: 'POST /api/dead-letters/discard',
  listOperatorLog: 'GET /api/operator-log',
  readLostHistory: 'GET /api/lost-history',
  acceptHistory: 'POST /api/lost-history/accept',
  createConsoleSession: 'POST /console/session',
  readConsoleSession: 'GET /console/session',
  deleteConsoleSession: 'DELETE /console/session',
  readHealth: 'GET /health health',
  readApiHealth: 'GET /api/health health',
  readReadiness: 'GET /readyz health',
  readLiveness: 'GET /livez',
  readMetrics: 'GET /metrics',
} satisfies Record<OneAnswer, string>;

/** The lists that come in pages: the operation of a page, and the member that has its items. */
export const pages = {
  eachCoupon: 'listCoupons coupons',
  eachClaim: 'listClaims claims',
  eachUserClaim: 'listUserClaims claims',
  eachWebhookDelivery: 'listWebhookDeliveries deliveries',
  eachSaga: 'listSagas sagas',
  eachDeadLetter: 'listDeadLetters dead_letters',
  eachOperatorLogEntry: 'listOperatorLog entries',
};

/** The responses that are read while they arrive. */
export const streams = {
  exportClaims: 'GET /api/coupons/{coupon_name}/claims',
  streamStock: 'GET /api/coupons/{name}/events',
  streamOutcomes: 'GET /api/coupons/{name}/outcomes',
  streamTicket: 'GET /api/tickets/{ticket_id}/events',
};
