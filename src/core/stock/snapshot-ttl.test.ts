// SPDX-License-Identifier: GPL-3.0-or-later
/** Sold-out caches and added stock together: several processes on one simulated database, with calls of any length. */
import { describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { seededRandom } from '../../../test/support/fault-proxy.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { CouponModel } from '../../../test/support/sale-model.ts';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import type { ClaimOutcome } from '../claims/claim.ts';
import type { SoldOutReader } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import { addStockWith } from '../coupons/add-stock.ts';
import type { CouponWithHolders } from '../coupons/coupon.ts';
import { AppError } from '../errors.ts';
import { SoldOutCache } from './sold-out-cache.ts';

const couponName = 'C';
const runs = 150;
const processes = 3;
const runMs = 6_000;

/** One coupon, as the model of a sale decides it. */
class Sale {
  readonly model = new CouponModel(2);
  /** Claims in progress, each with whether no unit was left at any moment since its start. */
  readonly watchers = new Set<{ wasSoldOut: boolean }>();

  claim(userId: string): ClaimOutcome {
    const { model } = this;
    const batchId = `claim-${model.ledger.length}`;
    const request = { userId, claimId: userId, idempotencyKey: undefined };
    const [decision] = model.decideBatch([request], { batchId, ms: 0 }) ?? [];
    if (decision?.claim === undefined) return { outcome: 'sold_out' };
    if (model.remaining === 0) for (const watcher of this.watchers) watcher.wasSoldOut = true;
    const { claimId, position } = decision.claim;
    const claim = {
      claimId,
      couponName,
      userId,
      position,
      claimedAt: 'then',
      state: 'confirmed' as const,
    };
    return { outcome: 'claimed', claim };
  }

  add(units: number, batchId: string, announcement: string | undefined) {
    const { amount, remaining: remainingAmount } = this.model;
    const coupon: CouponWithHolders = {
      ...{ id: '1', name: couponName, amount, remainingAmount },
      ...{
        state: 'open',
        opensAt: null,
        closesAt: null,
        paused: false,
        archived: false,
        holders: [],
      },
    };
    const added = this.model.addStock(units, { batchId, announcement, ms: 0 });
    return typeof added === 'object' ? added : { coupon, replayed: added === 'replayed' };
  }
}

const counts = { wrongRefusals: 0, fromCache: 0, added: 0, announcedAgain: 0, gaveUp: 0 };

/** Crowds claim at all processes while some of these add stock. Counts the answers. */
async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const time = new FixedClock();
  const sale = new Sale();
  // Some calls are slower than the others, in either direction, and some fail.
  const travel = () => time.sleep(random() < 0.05 ? below(1500) : below(20));
  const call = async <Answer>(decide: () => Answer): Promise<Answer> => {
    await travel();
    if (random() < 0.02) throw new AppError('unavailable', { detail: 'lost' });
    const answer = decide();
    await travel();
    return answer;
  };
  const reader: SoldOutReader = {
    readStock: (names) =>
      call(() => {
        const snapshot = {
          ...{ version: `${sale.model.ledger.length}`, amount: sale.model.amount },
          ...{ remainingAmount: sale.model.remaining, stockAnnounced: sale.model.announced },
          ...{ state: 'open' as const, closesInMs: null, holdsExpireInMs: null },
        };
        return new Map(names.map((name) => [name, snapshot]));
      }),
    listHolders: () =>
      call(() => {
        const { claims } = sale.model;
        return {
          userIds: claims.map(({ userId }) => userId),
          lastPosition: claims.at(-1)?.position,
        };
      }),
  };
  const newBatchId = numbered(`${seed}-`);
  const startProcess = () => {
    // The clocks of two machines start anywhere and run at slightly different rates.
    const rate = 0.98 + random() * 0.04;
    const startMs = below(1e6);
    const clock: Clock = {
      nowMs: () => startMs + time.nowMs() * rate,
      sleep: (ms, signal) => time.sleep(ms / rate, signal),
      atEndOfTurn: (end) => time.atEndOfTurn(end),
      every: (ms, tick) => time.every(ms / rate, tick),
    };
    const cache = new SoldOutCache({
      ...{ reader, clock, holdersMax: 1000, waitingMax: 1000, seed },
    });
    const decided = new Set<string | undefined>();
    const claimCoupon = cache.wrap(async ({ userId, idempotencyKey }) => {
      decided.add(idempotencyKey);
      const outcome = await call(() => sale.claim(userId));
      if (outcome.outcome === 'sold_out') cache.load(couponName);
      return outcome;
    });
    const claim = async (userId: string, idempotencyKey: string) => {
      const watcher = { wasSoldOut: sale.model.remaining === 0 };
      sale.watchers.add(watcher);
      const claimed = claimCoupon({ couponName, userId, idempotencyKey, claimId: 'id' });
      const answer = await claimed.catch(() => undefined);
      sale.watchers.delete(watcher);
      if (answer?.outcome !== 'sold_out') return;
      if (!decided.has(idempotencyKey)) counts.fromCache += 1;
      if (!watcher.wasSoldOut) counts.wrongRefusals += 1;
    };
    const addStock = addStockWith({
      store: {
        addStock: ({ units, batchId, announcement }) =>
          call(() => {
            const added = sale.add(units, batchId, announcement);
            if ('announcement' in added && announcement !== undefined) counts.announcedAgain += 1;
            return added;
          }),
      },
      ...{ clock, newBatchId, batchIdFor: (text: string) => text },
      stopping: new AbortController().signal,
    });
    const add = () =>
      addStock({ name: couponName, units: 1 + below(4), idempotencyKey: undefined }, byTest).then(
        () => {
          counts.added += 1;
        },
        () => {
          counts.gaveUp += 1;
        },
      );
    return { claim, add, stop: () => cache.stop() };
  };

  const all = Array.from({ length: processes }, startProcess);
  const any = () => all[below(processes)] as (typeof all)[number];
  let claims = 0;
  for (let ms = 0; ms < runMs; ) {
    claims += 1;
    // Some users claim again, holders too.
    void any().claim(`user-${random() < 0.1 ? below(claims) : claims}`, `claim-${claims}`);
    if (random() < 0.008) void any().add();
    const pauseMs = 1 + below(15);
    ms += pauseMs;
    await time.advance(pauseMs);
  }
  await time.advance(20_000);
  for (const { stop } of all) stop();
}

describe('sold-out caches and added stock', () => {
  it('never refuse a claim as sold_out while units are left from its start to its answer', async () => {
    for (let seed = 1; seed <= runs; seed += 1) await run(seed);
    expect(counts.wrongRefusals).toBe(0);
    // A run without such events proves nothing.
    expect(counts.fromCache).toBeGreaterThan(10 * runs);
    expect(counts.added).toBeGreaterThan(runs);
    expect(counts.announcedAgain).toBeGreaterThan(runs / 10);
  });
});
