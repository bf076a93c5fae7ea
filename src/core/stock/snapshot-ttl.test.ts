// SPDX-License-Identifier: GPL-3.0-or-later
/** Memory and addition together: several processes on one made-up database, with calls of any length between them. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/support/fault-proxy.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import type { ClaimOutcome } from '../claims/claim.ts';
import type { SoldOutReader } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import type { CouponWithHolders } from '../coupons/coupon.ts';
import { manageCouponWith } from '../coupons/manage-coupon.ts';
import type { CouponStore } from '../coupons/ports.ts';
import { AppError } from '../errors.ts';
import { SoldOutCache } from './sold-out-cache.ts';

const couponName = 'C';
const runs = 150;
const processes = 3;
const runMs = 6_000;

/** One coupon, decided as the functions of the database decide it. */
class Sale {
  readonly holders: string[] = [];
  amount = 2;
  seq = 1;
  announced = false;
  /** Those who ask now, each with whether nothing was left at any moment since he asked. */
  readonly watchers = new Set<{ wasSoldOut: boolean }>();
  private readonly batches = new Set<string>();

  get remaining(): number {
    return this.amount - this.holders.length;
  }

  claim(userId: string): ClaimOutcome {
    const claim = { claimId: 'id', couponName, userId, position: 1, claimedAt: 'then' };
    if (this.holders.includes(userId)) return { outcome: 'already_claimed', claim };
    if (this.remaining === 0) return { outcome: 'sold_out' };
    this.holders.push(userId);
    this.seq += 1;
    if (this.remaining === 0) for (const watcher of this.watchers) watcher.wasSoldOut = true;
    return { outcome: 'claimed', claim };
  }

  add(units: number, batchId: string, announcement: string | undefined) {
    const coupon: CouponWithHolders = {
      ...{ id: '1', name: couponName, amount: this.amount, remainingAmount: this.remaining },
      ...{ state: 'open', opensAt: null, closesAt: null, paused: false, holders: [] },
    };
    if (this.batches.has(batchId)) return { coupon, replayed: true };
    if (this.remaining === 0 && !(this.announced && announcement === `${this.seq}`)) {
      this.announced = true;
      return { announcement: `${this.seq}` };
    }
    this.batches.add(batchId);
    this.amount += units;
    this.seq += 1;
    this.announced = false;
    return { coupon, replayed: false };
  }
}

const heard = { lies: 0, fromMemory: 0, added: 0, announcedAgain: 0, gaveUp: 0 };

/** Lets crowds ask all processes while some of these add stock, and counts what was heard. */
async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const time = new FixedClock();
  const sale = new Sale();
  // Calls that are slower than the others now and then, on either way, and some that get lost.
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
        const look = {
          ...{ version: `${sale.seq}`, amount: sale.amount, remainingAmount: sale.remaining },
          ...{ state: 'open' as const, stockAnnounced: sale.announced, closesInMs: null },
        };
        return new Map(names.map((name) => [name, look]));
      }),
    listHolders: () => call(() => [...sale.holders]),
  };
  const newBatchId = numbered(`${seed}-`);
  const startProcess = () => {
    // The clocks of two machines begin anywhere and differ a little in their rate.
    const rate = 0.98 + random() * 0.04;
    const startMs = below(1e6);
    const clock: Clock = {
      nowMs: () => startMs + time.nowMs() * rate,
      sleep: (ms, signal) => time.sleep(ms / rate, signal),
      atEndOfTurn: (end) => time.atEndOfTurn(end),
      every: (ms, tick) => time.every(ms / rate, tick),
    };
    const memory = new SoldOutCache({
      ...{ reader, clock, holdersMax: 1000, waitingMax: 1000, seed },
    });
    const decided = new Set<string | undefined>();
    const claimCoupon = memory.wrap(async ({ userId, idempotencyKey }) => {
      decided.add(idempotencyKey);
      const outcome = await call(() => sale.claim(userId));
      if (outcome.outcome === 'sold_out') memory.learn(couponName);
      return outcome;
    });
    const ask = async (userId: string, idempotencyKey: string) => {
      const watcher = { wasSoldOut: sale.remaining === 0 };
      sale.watchers.add(watcher);
      const claimed = claimCoupon({ couponName, userId, idempotencyKey, claimId: 'id' });
      const answer = await claimed.catch(() => undefined);
      sale.watchers.delete(watcher);
      if (answer?.outcome !== 'sold_out') return;
      if (!decided.has(idempotencyKey)) heard.fromMemory += 1;
      if (!watcher.wasSoldOut) heard.lies += 1;
    };
    const notAsked = () => Promise.reject(new Error('not asked for'));
    const store: CouponStore = {
      ...{ createCoupon: notAsked, changeCoupon: notAsked },
      ...{ readCoupons: notAsked, listCoupons: notAsked },
      addStock: ({ units, batchId, announcement }) =>
        call(() => {
          const added = sale.add(units, batchId, announcement);
          if ('announcement' in added && announcement !== undefined) heard.announcedAgain += 1;
          return added;
        }),
    };
    const manage = manageCouponWith({
      ...{ store, clock, newBatchId, batchIdFor: (text: string) => text },
      ending: new AbortController().signal,
    });
    const add = () =>
      manage.addStock({ name: couponName, units: 1 + below(4), idempotencyKey: undefined }).then(
        () => {
          heard.added += 1;
        },
        () => {
          heard.gaveUp += 1;
        },
      );
    return { ask, add, stop: () => memory.stop() };
  };

  const all = Array.from({ length: processes }, startProcess);
  const any = () => all[below(processes)] as (typeof all)[number];
  let asks = 0;
  for (let ms = 0; ms < runMs; ) {
    asks += 1;
    // Some come again, those who hold a unit too.
    void any().ask(`user-${random() < 0.1 ? below(asks) : asks}`, `ask-${asks}`);
    if (random() < 0.008) void any().add();
    const pauseMs = 1 + below(15);
    ms += pauseMs;
    await time.advance(pauseMs);
  }
  await time.advance(20_000);
  for (const { stop } of all) stop();
}

describe('memory and added stock', () => {
  it('never let anybody hear sold_out for whom something was left all the time', async () => {
    for (let seed = 1; seed <= runs; seed += 1) await run(seed);
    expect(heard.lies).toBe(0);
    // A run that met nothing proves nothing.
    expect(heard.fromMemory).toBeGreaterThan(10 * runs);
    expect(heard.added).toBeGreaterThan(runs);
    expect(heard.announcedAgain).toBeGreaterThan(runs / 10);
  });
});
