// SPDX-License-Identifier: GPL-3.0-or-later
/** The ceiling: the server, schemas, hooks and responses of the service, on top of a store that does nothing. */

import type { ClaimOutcome } from '../../src/core/claims/claim.ts';
import type { ClaimCoupon } from '../../src/core/claims/claim-coupon.ts';
import type { CouponWithHolders } from '../../src/core/coupons/coupon.ts';
import type { HttpDependencies } from '../../src/entrypoints/http/route.ts';
import { couponDefaults, createHttpServer, httpOptions, newId, serve } from './built.ts';

const claimedAt = '2030-01-31T18:00:00.123456Z';
const holders = Array.from({ length: 1000 }, (_, index) => `user-${10_000_000_000 + index}`);
let received = 0;

/** The prefix of the coupon's name selects the outcome; see `workloads.ts`. */
const claimCoupon: ClaimCoupon = ({ couponName, userId, claimId }) => {
  received += 1;
  const claim = {
    claimId,
    couponName,
    userId,
    position: received,
    claimedAt,
    state: 'confirmed' as const,
  };
  let outcome: ClaimOutcome;
  if (couponName.startsWith('SOLD')) outcome = { outcome: 'sold_out' };
  else if (couponName.startsWith('TWICE') && received % 2 === 0) {
    outcome = { outcome: 'already_claimed', claim };
  } else outcome = { outcome: 'claimed', claim };
  return Promise.resolve(outcome);
};

// Made once: to make one for each read would cost more than the rest of the handler.
const coupons = new Map<string, CouponWithHolders>();

function couponNamed(name: string): CouponWithHolders {
  const coupon = coupons.get(name) ?? newCoupon(name);
  coupons.set(name, coupon);
  return coupon;
}

function newCoupon(name: string): CouponWithHolders {
  const claimed = name.startsWith('FULL') ? holders : [];
  return {
    ...{ id: '1', name, amount: 2_000_000_000, state: 'open', paused: false },
    ...{ opensAt: null, closesAt: null, archived: false, ...couponDefaults },
    remainingAmount: 2_000_000_000 - claimed.length,
    holders: claimed,
  };
}

const unused = () => Promise.reject(new Error('the empty handler does not support this'));

const parts: HttpDependencies = {
  claimCoupon,
  newClaimId: newId,
  claimRefused: () => undefined,
  readCoupons: {
    read: async (name) => couponNamed(name),
    assertExists: async () => undefined,
    list: unused,
  },
  createCoupon: async ({ name }) => couponNamed(name),
  changeCoupon: unused,
  addStock: unused,
  changeClaim: unused,
  readClaims: { find: unused, list: unused, listOfUser: unused, exportAll: unused },
  readOperatorLog: unused,
  lostHistory: { read: unused, accept: unused },
  readWebhooks: { list: unused, read: unused, listDeliveries: unused },
  ...{
    createWebhook: unused,
    deleteWebhook: unused,
    enableWebhook: unused,
    rotateWebhookSecret: unused,
  },
  ...{ redeliverEvents: unused, testWebhook: unused },
  readSagas: { list: unused, read: unused },
  ...{ retrySaga: unused, resolveSaga: unused },
  checkHealth: async () => ({ healthy: true, durability: undefined }),
  healthFacts: { version: 'bench', database: 'external', anonymousAdmin: false },
  metricsText: async () => ({ contentType: 'text/plain', text: '' }),
  metricsType: 'text/plain',
  callAnswered: () => undefined,
  claimsArrived: () => undefined,
  log: { error: () => undefined, warn: () => undefined, info: () => undefined },
};

await serve(await createHttpServer(httpOptions, parts));
