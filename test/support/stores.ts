// SPDX-License-Identifier: GPL-3.0-or-later
import { postgresClaimReader } from '../../src/adapters/postgres/claim-reader.ts';
import { postgresClaimStore } from '../../src/adapters/postgres/claim-store.ts';
import { openPools, type PoolOptions } from '../../src/adapters/postgres/connections/open-pools.ts';
import { postgresCouponStore } from '../../src/adapters/postgres/coupon-store.ts';
import { postgresSoldOutReader } from '../../src/adapters/postgres/sold-out-reader.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { newId } from '../../src/adapters/system/ids.ts';
import type { BatchAnswer, ClaimReader, ClaimStore } from '../../src/core/claims/ports.ts';
import type { CouponStore } from '../../src/core/coupons/ports.ts';
import type { SoldOutReader } from '../../src/core/stock/ports.ts';
import { byTest } from './by-test.ts';
import { schema } from './test-database.ts';

/** The stores on a real database, without a service. */
export type Stores = {
  claims: ClaimStore;
  reader: ClaimReader;
  coupons: CouponStore;
  soldOut: SoldOutReader;
  /** Decides a batch of claims of one coupon, given as user ids or as attempts, by default with a new batch id. */
  decide(
    couponName: string,
    claims: readonly (string | Attempt)[],
    batchId?: string,
  ): Promise<BatchAnswer>;
  /** Creates a coupon that is on sale at once. */
  createCoupon(name: string, amount: number): Promise<void>;
  close(): Promise<void>;
};

/** The list of all coupons that are not archived, from its beginning. */
export const allCoupons: Omit<Parameters<CouponStore['listCoupons']>[0], 'limit'> = {
  ...{ cursor: undefined, order: 'oldest', archived: false },
  ...{ state: undefined, namePrefix: undefined, walkMax: 10_000 },
};

/** Long enough for any test, and as short as a service may have them. */
export const ticketTimes = { expiresSeconds: 300, retentionSeconds: 7_200 };

/** One claim in a batch. Without a claim id it gets a new one. */
export type Attempt = { userId: string; claimId?: string; idempotencyKey?: string };

/** Opens the stores, by default with few connections and with limits that no test reaches on a busy machine. */
export function openStores(url: string, options: Partial<PoolOptions> = {}): Stores {
  const { forBatches, forQueries } = openPools({
    ...{ url, schema },
    claimConnections: 4,
    queryConnections: 2,
    connectTimeoutMs: 10_000,
    lockTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
    claimTimeoutMs: 30_000,
    onIdleConnectionLost: () => undefined,
    ...options,
  });
  const claims = postgresClaimStore({
    forBatches,
    forQueries,
    nowMs: systemClock.nowMs,
    ticketTimes,
  });
  const coupons = postgresCouponStore(forQueries);
  return {
    claims,
    reader: postgresClaimReader(forQueries),
    coupons,
    soldOut: postgresSoldOutReader(forQueries),
    decide: (couponName, batch, batchId = newId()) =>
      claims.decideBatch({
        batchId,
        couponName,
        commands: batch.map((one) => {
          const {
            userId,
            claimId = newId(),
            idempotencyKey,
          } = typeof one === 'string' ? { userId: one } : one;
          return { couponName, userId, claimId, idempotencyKey };
        }),
      }),
    async createCoupon(name, amount) {
      const coupon = { name, amount, opensAt: null, closesAt: null, batchId: newId() };
      await coupons.createCoupon(coupon, byTest);
    },
    async close() {
      await Promise.all([forBatches.close(), forQueries.close()]);
    },
  };
}

/** The outcomes of a decided batch, in order. For a batch that was not decided, its kind and reason. */
export function outcomesOf(answer: BatchAnswer): string[] {
  if (answer.kind === 'decided') return answer.outcomes.map(({ outcome }) => outcome);
  return [answer.kind === 'refused' ? `refused: ${answer.reason}` : answer.kind];
}
