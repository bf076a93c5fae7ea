// SPDX-License-Identifier: GPL-3.0-or-later
/** The calls of the API, and who may do them. */
import { adminKey, type Group } from './access-keys.ts';
import type { Call } from './contract-client.ts';
import { newName, pathOf } from './contract-service.ts';

/** What calls are about: a coupon that `holder` holds, a new webhook, and a new saga that needs attention. */
export type Subjects = { coupon: string; webhook: string; saga: string };

/** What the calls of a service with a queue are about, too: a ticket, and a dead letter that holds no claim. */
export type QueueSubjects = { ticket: string; letter: string };

/** A call of a route of the API. `ofHolds`: for a coupon whose claims are reserved. */
export type Row<About = Subjects> = {
  route: string;
  for: Group | 'all';
  ofHolds?: boolean;
  make(subjects: About): Call;
};

const pathOfSaga = (id: string, ...below: string[]) => ['/api/sagas', id, ...below].join('/');
const pathOfWebhook = (id: string, ...below: string[]) => ['/api/webhooks', id, ...below].join('/');

/** Every call of a service without a queue: which keys may do it, and how it is made. */
export const calls: Record<string, Row> = {
  'create a coupon': {
    route: 'POST /api/coupons',
    for: 'change',
    make: () => ({ method: 'POST', path: '/api/coupons', body: { name: newName(), amount: 1 } }),
  },
  'list coupons': {
    route: 'GET /api/coupons',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/coupons' }),
  },
  'check a coupon': {
    route: 'POST /api/coupons/{name}/check',
    for: 'change',
    make: ({ coupon }) => ({ method: 'POST', path: pathOf(coupon, 'check') }),
  },
  'read the overview of a coupon': {
    route: 'GET /api/coupons/{name}/overview',
    for: 'view',
    make: ({ coupon }) => ({ method: 'GET', path: pathOf(coupon, 'overview') }),
  },
  // By HEAD, since no test here knows the id of a claim.
  'read the timeline of a claim': {
    route: 'GET /api/claims/{claim_id}/timeline',
    for: 'view',
    make: ({ coupon }) => ({
      method: 'HEAD',
      path: `/api/claims/01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40/timeline?coupon_name=${coupon}`,
    }),
  },
  // By HEAD, as the stream of stock.
  'follow the outcomes of a coupon': {
    route: 'GET /api/coupons/{name}/outcomes',
    for: 'view',
    make: ({ coupon }) => ({ method: 'HEAD', path: pathOf(coupon, 'outcomes') }),
  },
  'read the history of outcomes': {
    route: 'GET /api/coupons/{name}/outcomes/history',
    for: 'view',
    make: ({ coupon }) => ({ method: 'GET', path: pathOf(coupon, 'outcomes', 'history') }),
  },
  'change a coupon': {
    route: 'PATCH /api/coupons/{name}',
    for: 'change',
    make: ({ coupon }) => ({ method: 'PATCH', path: pathOf(coupon), body: { paused: false } }),
  },
  'add stock': {
    route: 'POST /api/coupons/{name}/stock',
    for: 'change',
    make: ({ coupon }) => ({ method: 'POST', path: pathOf(coupon, 'stock'), body: { add: 1 } }),
  },
  'list claims': {
    route: 'GET /api/coupons/{name}/claims',
    for: 'view',
    make: ({ coupon }) => ({ method: 'GET', path: pathOf(coupon, 'claims') }),
  },
  'export claims as CSV': {
    route: 'GET /api/coupons/{name}/claims',
    for: 'view',
    make: ({ coupon }) => ({
      ...{ method: 'GET', path: pathOf(coupon, 'claims'), headers: { Accept: 'text/csv' } },
    }),
  },
  'list coupons by HEAD': {
    route: 'GET /api/coupons',
    for: 'view',
    make: () => ({ method: 'HEAD', path: '/api/coupons' }),
  },
  "list one user's claims of all coupons": {
    route: 'GET /api/claims',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/claims?user_id=holder' }),
  },
  'read the operator log': {
    route: 'GET /api/operator-log',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/operator-log' }),
  },
  'list lost history': {
    route: 'GET /api/lost-history',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/lost-history' }),
  },
  'list lost history by HEAD': {
    route: 'GET /api/lost-history',
    for: 'view',
    make: () => ({ method: 'HEAD', path: '/api/lost-history' }),
  },
  'accept lost history': {
    route: 'POST /api/lost-history/accept',
    for: 'change',
    make: () => ({
      ...{ method: 'POST', path: '/api/lost-history/accept' },
      body: { found_until: '2020-01-01T00:00:00.000000Z' },
    }),
  },
  'create a webhook': {
    route: 'POST /api/webhooks',
    for: 'change',
    make: () => ({
      ...{ method: 'POST', path: '/api/webhooks' },
      body: { url: 'https://shop.example/', events: ['coupon.closed'] },
    }),
  },
  'list webhooks': {
    route: 'GET /api/webhooks',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/webhooks' }),
  },
  'read a webhook': {
    route: 'GET /api/webhooks/{id}',
    for: 'view',
    make: ({ webhook }) => ({ method: 'GET', path: pathOfWebhook(webhook) }),
  },
  'list the deliveries of a webhook': {
    route: 'GET /api/webhooks/{id}/deliveries',
    for: 'view',
    make: ({ webhook }) => ({ method: 'GET', path: pathOfWebhook(webhook, 'deliveries') }),
  },
  'delete a webhook': {
    route: 'DELETE /api/webhooks/{id}',
    for: 'change',
    make: ({ webhook }) => ({ method: 'DELETE', path: pathOfWebhook(webhook) }),
  },
  'enable a webhook': {
    route: 'POST /api/webhooks/{id}/enable',
    for: 'change',
    make: ({ webhook }) => ({ method: 'POST', path: pathOfWebhook(webhook, 'enable') }),
  },
  'rotate the secret of a webhook': {
    route: 'POST /api/webhooks/{id}/rotate-secret',
    for: 'change',
    make: ({ webhook }) => ({ method: 'POST', path: pathOfWebhook(webhook, 'rotate-secret') }),
  },
  'redeliver events': {
    route: 'POST /api/webhooks/{id}/redeliver',
    for: 'change',
    make: ({ webhook }) => ({
      ...{ method: 'POST', path: pathOfWebhook(webhook, 'redeliver') },
      body: { since: '2020-01-01T00:00:00Z', until: '2020-01-02T00:00:00Z' },
    }),
  },
  'test a webhook': {
    route: 'POST /api/webhooks/{id}/test',
    for: 'change',
    make: ({ webhook }) => ({ method: 'POST', path: pathOfWebhook(webhook, 'test') }),
  },
  'list sagas': {
    route: 'GET /api/sagas',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/sagas?state=needs_attention' }),
  },
  'read a saga': {
    route: 'GET /api/sagas/{id}',
    for: 'view',
    make: ({ saga }) => ({ method: 'GET', path: pathOfSaga(saga) }),
  },
  'read a saga by HEAD': {
    route: 'GET /api/sagas/{id}',
    for: 'view',
    make: ({ saga }) => ({ method: 'HEAD', path: pathOfSaga(saga) }),
  },
  'retry a saga': {
    route: 'POST /api/sagas/{id}/retry',
    for: 'change',
    make: ({ saga }) => ({ method: 'POST', path: pathOfSaga(saga, 'retry') }),
  },
  'resolve a saga': {
    route: 'POST /api/sagas/{id}/resolve',
    for: 'change',
    make: ({ saga }) => ({
      ...{ method: 'POST', path: pathOfSaga(saga, 'resolve') },
      body: { as: 'done', note: 'captured by hand' },
    }),
  },
  'archive a coupon': {
    route: 'PATCH /api/coupons/{name}',
    for: 'change',
    make: ({ coupon }) => ({ method: 'PATCH', path: pathOf(coupon), body: { archived: true } }),
  },
  'read the metrics': {
    route: 'GET /metrics',
    for: 'view',
    make: () => ({ method: 'GET', path: '/metrics' }),
  },
  claim: {
    route: 'POST /api/coupons/claim',
    for: 'claim',
    make: ({ coupon }) => ({
      method: 'POST',
      path: '/api/coupons/claim',
      body: { user_id: newName('user'), coupon_name: coupon },
    }),
  },
  'make many claims': {
    route: 'POST /api/claims/batch',
    for: 'claim',
    make: ({ coupon }) => ({
      ...{ method: 'POST', path: '/api/claims/batch' },
      body: { claims: [{ user_id: newName('user'), coupon_name: coupon }] },
    }),
  },
  "read one user's claim": {
    route: 'GET /api/coupons/{name}/claims/{user_id}',
    for: 'find',
    make: ({ coupon }) => ({ method: 'GET', path: pathOf(coupon, 'claims', 'holder') }),
  },
  "read one user's claim by HEAD": {
    route: 'GET /api/coupons/{name}/claims/{user_id}',
    for: 'find',
    make: ({ coupon }) => ({ method: 'HEAD', path: pathOf(coupon, 'claims', 'holder') }),
  },
  ...Object.fromEntries(
    ['confirm', 'release', 'redeem'].map((change) => [
      `${change} a claim`,
      {
        route: `POST /api/coupons/{name}/claims/{user_id}/${change}`,
        for: 'change claim' as const,
        ofHolds: change !== 'redeem',
        make: ({ coupon }: Subjects) => ({
          ...{ method: 'POST', path: pathOf(coupon, 'claims', 'holder', change), body: {} },
          headers: { 'Idempotency-Key': 'k' },
        }),
      },
    ]),
  ),
  // With a key in its body. Where there is no admin key it needs none.
  'log in to the console': {
    route: 'POST /console/session',
    for: 'all',
    make: () => ({ method: 'POST', path: '/console/session', body: { key: adminKey } }),
  },
  'read who is logged in to the console': {
    route: 'GET /console/session',
    for: 'view',
    make: () => ({ method: 'GET', path: '/console/session' }),
  },
  'log out of the console': {
    route: 'DELETE /console/session',
    for: 'all',
    make: () => ({ method: 'DELETE', path: '/console/session' }),
  },
  'read a coupon': {
    route: 'GET /api/coupons/{name}',
    for: 'all',
    make: ({ coupon }) => ({ method: 'GET', path: pathOf(coupon) }),
  },
  // By HEAD, since a stream does not end. HEAD and GET of a route have the same rule.
  'follow the stock of a coupon': {
    route: 'GET /api/coupons/{name}/events',
    for: 'all',
    make: ({ coupon }) => ({ method: 'HEAD', path: pathOf(coupon, 'events') }),
  },
  ...Object.fromEntries(
    // The console must be built.
    ['/health', '/api/health', '/readyz', '/livez', '/openapi.json', '/docs', '/console'].map(
      (path) => [
        `read ${path}`,
        { route: `GET ${path}`, for: 'all' as const, make: () => ({ method: 'GET', path }) },
      ],
    ),
  ),
};

const pathOfLetters = (...below: string[]) => ['/api/dead-letters', ...below].join('/');
const pathOfTicket = (id: string, ...below: string[]) => ['/api/tickets', id, ...below].join('/');

/** The calls that only a service with a queue has. */
export const queueCalls: Record<string, Row<QueueSubjects>> = {
  'list dead letters': {
    route: 'GET /api/dead-letters',
    for: 'view',
    make: () => ({ method: 'GET', path: pathOfLetters() }),
  },
  'list dead letters by HEAD': {
    route: 'GET /api/dead-letters',
    for: 'view',
    make: () => ({ method: 'HEAD', path: pathOfLetters() }),
  },
  'read a dead letter': {
    route: 'GET /api/dead-letters/{id}',
    for: 'view',
    make: ({ letter }) => ({ method: 'GET', path: pathOfLetters(letter) }),
  },
  'redrive dead letters': {
    route: 'POST /api/dead-letters/redrive',
    for: 'change',
    make: () => ({ method: 'POST', path: pathOfLetters('redrive'), body: { all: true } }),
  },
  'discard dead letters': {
    route: 'POST /api/dead-letters/discard',
    for: 'change',
    make: ({ letter }) => ({
      ...{ method: 'POST', path: pathOfLetters('discard') },
      body: { ids: [letter] },
    }),
  },
  'read a ticket': {
    route: 'GET /api/tickets/{ticket_id}',
    for: 'find',
    make: ({ ticket }) => ({ method: 'GET', path: pathOfTicket(ticket) }),
  },
  'follow a ticket': {
    route: 'GET /api/tickets/{ticket_id}/events',
    for: 'find',
    make: ({ ticket }) => ({ method: 'HEAD', path: pathOfTicket(ticket, 'events') }),
  },
};
