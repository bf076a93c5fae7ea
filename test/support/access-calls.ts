// SPDX-License-Identifier: GPL-3.0-or-later
/** The calls of the API, and the callers that may or may not do them. */
import type { Call } from './contract-client.ts';
import { newName, pathOf } from './contract-service.ts';

/** A key of each kind. */
export const adminKey = 'admin-key-of-thirty-two-characters!';
export const claimKey = 'claim-key-of-thirty-two-characters!';
export const adminKeyNext = 'next-admin-key-of-thirty-two-chars!';
export const claimKeyNext = 'next-claim-key-of-thirty-two-chars!';
export const viewerKey = 'viewer-key-of-thirty-two-characters';

const bearerOf = (key: string) => ({ Authorization: `Bearer ${key}` });
/** The headers of a caller with each key. */
export const bearers = {
  none: {},
  wrong: bearerOf('wrong-key-of-thirty-two-characters!'),
  claim: bearerOf(claimKey),
  'next claim': bearerOf(claimKeyNext),
  viewer: bearerOf(viewerKey),
  admin: bearerOf(adminKey),
  'next admin': bearerOf(adminKeyNext),
};

/** A caller, by its key. */
export type Bearer = keyof typeof bearers;
/** Every caller. */
export const everyBearer = Object.keys(bearers) as Bearer[];

/** The calls that the same keys may do. */
export type Group = 'change' | 'view' | 'claim' | 'change claim' | 'find';

/**
 * A call of a route of the API. `ofHolds`: for a coupon whose claims are reserved. `webhook`: the id of a new one. `saga`: the
 * id of a new one that needs attention.
 */
export type Row = {
  route: string;
  for: Group | 'all';
  ofHolds?: boolean;
  make(coupon: string, webhook: string, saga: string): Call;
};

const pathOfSaga = (id: string, ...below: string[]) => ['/api/sagas', id, ...below].join('/');
const pathOfWebhook = (id: string, ...below: string[]) => ['/api/webhooks', id, ...below].join('/');

/** Every call: which keys may do it, and how it is made for a coupon that `holder` holds. */
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
  'change a coupon': {
    route: 'PATCH /api/coupons/{name}',
    for: 'change',
    make: (coupon) => ({ method: 'PATCH', path: pathOf(coupon), body: { paused: false } }),
  },
  'add stock': {
    route: 'POST /api/coupons/{name}/stock',
    for: 'change',
    make: (coupon) => ({ method: 'POST', path: pathOf(coupon, 'stock'), body: { add: 1 } }),
  },
  'list claims': {
    route: 'GET /api/coupons/{name}/claims',
    for: 'view',
    make: (coupon) => ({ method: 'GET', path: pathOf(coupon, 'claims') }),
  },
  'export claims as CSV': {
    route: 'GET /api/coupons/{name}/claims',
    for: 'view',
    make: (coupon) => ({
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
  'read lost history': {
    route: 'GET /api/lost-history',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/lost-history' }),
  },
  'accept lost history': {
    route: 'POST /api/lost-history/accept',
    for: 'change',
    make: () => ({
      ...{ method: 'POST', path: '/api/lost-history/accept' },
      body: { found_until: '2026-11-29T14:00:00.000000Z' },
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
    make: (_coupon, webhook) => ({ method: 'GET', path: pathOfWebhook(webhook) }),
  },
  'list the deliveries of a webhook': {
    route: 'GET /api/webhooks/{id}/deliveries',
    for: 'view',
    make: (_coupon, webhook) => ({ method: 'GET', path: pathOfWebhook(webhook, 'deliveries') }),
  },
  'delete a webhook': {
    route: 'DELETE /api/webhooks/{id}',
    for: 'change',
    make: (_coupon, webhook) => ({ method: 'DELETE', path: pathOfWebhook(webhook) }),
  },
  'enable a webhook': {
    route: 'POST /api/webhooks/{id}/enable',
    for: 'change',
    make: (_coupon, webhook) => ({ method: 'POST', path: pathOfWebhook(webhook, 'enable') }),
  },
  'rotate the secret of a webhook': {
    route: 'POST /api/webhooks/{id}/rotate-secret',
    for: 'change',
    make: (_coupon, webhook) => ({ method: 'POST', path: pathOfWebhook(webhook, 'rotate-secret') }),
  },
  'redeliver events': {
    route: 'POST /api/webhooks/{id}/redeliver',
    for: 'change',
    make: (_coupon, webhook) => ({
      ...{ method: 'POST', path: pathOfWebhook(webhook, 'redeliver') },
      body: { since: '2020-01-01T00:00:00Z', until: '2020-01-02T00:00:00Z' },
    }),
  },
  'test a webhook': {
    route: 'POST /api/webhooks/{id}/test',
    for: 'change',
    make: (_coupon, webhook) => ({ method: 'POST', path: pathOfWebhook(webhook, 'test') }),
  },
  'list sagas': {
    route: 'GET /api/sagas',
    for: 'view',
    make: () => ({ method: 'GET', path: '/api/sagas?state=needs_attention' }),
  },
  'read a saga': {
    route: 'GET /api/sagas/{id}',
    for: 'view',
    make: (_coupon, _webhook, saga) => ({ method: 'GET', path: pathOfSaga(saga) }),
  },
  'read a saga by HEAD': {
    route: 'GET /api/sagas/{id}',
    for: 'view',
    make: (_coupon, _webhook, saga) => ({ method: 'HEAD', path: pathOfSaga(saga) }),
  },
  'retry a saga': {
    route: 'POST /api/sagas/{id}/retry',
    for: 'change',
    make: (_coupon, _webhook, saga) => ({ method: 'POST', path: pathOfSaga(saga, 'retry') }),
  },
  'resolve a saga': {
    route: 'POST /api/sagas/{id}/resolve',
    for: 'change',
    make: (_coupon, _webhook, saga) => ({
      ...{ method: 'POST', path: pathOfSaga(saga, 'resolve') },
      body: { as: 'done', note: 'captured by hand' },
    }),
  },
  'archive a coupon': {
    route: 'PATCH /api/coupons/{name}',
    for: 'change',
    make: (coupon) => ({ method: 'PATCH', path: pathOf(coupon), body: { archived: true } }),
  },
  'read the metrics': {
    route: 'GET /metrics',
    for: 'view',
    make: () => ({ method: 'GET', path: '/metrics' }),
  },
  claim: {
    route: 'POST /api/coupons/claim',
    for: 'claim',
    make: (coupon) => ({
      method: 'POST',
      path: '/api/coupons/claim',
      body: { user_id: newName('user'), coupon_name: coupon },
    }),
  },
  "read one user's claim": {
    route: 'GET /api/coupons/{name}/claims/{user_id}',
    for: 'find',
    make: (coupon) => ({ method: 'GET', path: pathOf(coupon, 'claims', 'holder') }),
  },
  "read one user's claim by HEAD": {
    route: 'GET /api/coupons/{name}/claims/{user_id}',
    for: 'find',
    make: (coupon) => ({ method: 'HEAD', path: pathOf(coupon, 'claims', 'holder') }),
  },
  ...Object.fromEntries(
    ['confirm', 'release', 'redeem'].map((change) => [
      `${change} a claim`,
      {
        route: `POST /api/coupons/{name}/claims/{user_id}/${change}`,
        for: 'change claim' as const,
        ofHolds: change !== 'redeem',
        make: (coupon: string) => ({
          ...{ method: 'POST', path: pathOf(coupon, 'claims', 'holder', change), body: {} },
          headers: { 'Idempotency-Key': 'k' },
        }),
      },
    ]),
  ),
  'read a coupon': {
    route: 'GET /api/coupons/{name}',
    for: 'all',
    make: (coupon) => ({ method: 'GET', path: pathOf(coupon) }),
  },
  // By HEAD, since a stream does not end. HEAD and GET of a route have the same rule.
  'follow the stock of a coupon': {
    route: 'GET /api/coupons/{name}/events',
    for: 'all',
    make: (coupon) => ({ method: 'HEAD', path: pathOf(coupon, 'events') }),
  },
  ...Object.fromEntries(
    ['/health', '/api/health', '/readyz', '/livez', '/openapi.json', '/docs'].map((path) => [
      `read ${path}`,
      { route: `GET ${path}`, for: 'all' as const, make: () => ({ method: 'GET', path }) },
    ]),
  ),
};
