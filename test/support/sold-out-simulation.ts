// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Sold-out caches, and units that come back: several processes on one simulated database, with calls of any length.
 * Units come back by added stock, by releases and by holds that expire.
 */

import { changeClaimWith } from '../../src/core/claims/change-claim.ts';
import type { ClaimCoupon } from '../../src/core/claims/claim-coupon.ts';
import type { Clock } from '../../src/core/clock.ts';
import { addStockWith } from '../../src/core/coupons/add-stock.ts';
import { AppError } from '../../src/core/errors.ts';
import { AnnouncementWaits } from '../../src/core/stock/announcement-waits.ts';
import type { CachedCoupons } from '../../src/core/stock/cached-coupons.ts';
import type { SoldOutReader } from '../../src/core/stock/ports.ts';
import { snapshotTtlMs } from '../../src/core/stock/snapshot-ttl.ts';
import { SoldOutCache } from '../../src/core/stock/sold-out-cache.ts';
import { StockNotifier } from '../../src/core/stock/stock-notifier.ts';
import { byTest } from './by-test.ts';
import { seededRandom } from './fault-proxy.ts';
import { FixedClock } from './fixed-clock.ts';
import type { ModelClaim } from './sale-model.ts';
import { aChange, numbered } from './scripted-claim-store.ts';
import { couponName, type SaleDefect, SimulatedSale } from './simulated-sale.ts';
import { UnreliableNetwork } from './unreliable-network.ts';

const processes = 3;
const runMs = 6_000;

/** What is wrong on purpose: something in the database, or in each process. */
export type Defect = SaleDefect | 'none' | 'takes a notification for a snapshot';

/** How to simulate. */
export type SimulationOptions = {
  seed: number;
  defect?: Defect;
  /** Notifications travel between the processes: late, lost, twice, out of order, and some for no reason. */
  hasNotifications?: boolean;
};

/** What has happened in a simulation. */
export type SimulationCounts = typeof none;

const none = {
  ...{ wrongRefusals: 0, refusedHolders: 0, fromCache: 0 },
  ...{ added: 0, announcedAgain: 0, gaveUp: 0, released: 0 },
  ...{ notified: 0, loadedByNotification: 0 },
};

/** Adds up the counts of simulations. */
export function sumOf(all: readonly SimulationCounts[]): SimulationCounts {
  const sum = { ...none };
  for (const counts of all) {
    for (const name of Object.keys(none) as (keyof SimulationCounts)[]) sum[name] += counts[name];
  }
  return sum;
}

/** Crowds claim at all processes while some of these add stock and release claims. */
export async function simulateSoldOut({
  seed,
  defect = 'none',
  hasNotifications = false,
}: SimulationOptions): Promise<SimulationCounts> {
  const counts = { ...none };
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const time = new FixedClock();
  const holdMs = random() < 0.7 ? 200 + below(3_000) : undefined;
  const sale = new SimulatedSale({ time, holdMs, defect, counts });
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
    readStock: (names) => call(() => new Map(names.map((name) => [name, sale.readStock()]))),
    listHolders: (query) => call(() => sale.listHolders(query)),
  };
  const newBatchId = numbered(`${seed}-`);
  const network = new UnreliableNetwork(couponName, time, random);
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
    const announced = { clock, stopping: new AbortController().signal };
    const cache = new SoldOutCache({
      ...{ reader, clock, holdersMax: 1000, waitingMax: 1000, seed },
    });
    const decided = new Set<string | undefined>();
    const decide: ClaimCoupon = async ({ userId, claimId }) => {
      decided.add(claimId);
      const outcome = await call(() => sale.claim(userId, claimId));
      if (outcome.outcome === 'sold_out') cache.load(couponName);
      return outcome;
    };
    const soldOut = {
      load(name: string) {
        counts.loadedByNotification += 1;
        cache.load(name);
        if (defect === 'takes a notification for a snapshot') refuseFromNowOn(cache, clock);
      },
      endRefusals: (name: string) => cache.endRefusals(name),
    };
    const notifier =
      hasNotifications &&
      new StockNotifier({
        ...{ notifications: network.join(), soldOut, clock, isKnown: () => true },
      });
    const claimCoupon = cache.wrap(notifier ? notifier.wrapClaim(decide) : decide);
    const claim = async (userId: string, claimId: string) => {
      const watcher = { wasSoldOut: sale.isSoldOut };
      const held = sale.liveClaimOf(userId);
      sale.watchers.add(watcher);
      const claimed = claimCoupon({ couponName, userId, idempotencyKey: undefined, claimId });
      const answer = await claimed.catch(() => undefined);
      sale.watchers.delete(watcher);
      if (answer?.outcome !== 'sold_out') return;
      if (!decided.has(claimId)) counts.fromCache += 1;
      if (!watcher.wasSoldOut) counts.wrongRefusals += 1;
      if (held !== undefined && held === sale.liveClaimOf(userId)) counts.refusedHolders += 1;
    };
    const addStockAnnounced = addStockWith({
      store: {
        addStock: ({ units, batchId, announcement }) =>
          call(() => {
            const added = sale.add(units, batchId, announcement);
            if ('announcement' in added && announcement !== undefined) counts.announcedAgain += 1;
            return added;
          }),
      },
      ...{ ...announced, newBatchId, batchIdFor: (text: string) => text },
    });
    const changeAnnounced = changeClaimWith({
      ...announced,
      send: (command) => call(() => sale.change(command)),
      waits: new AnnouncementWaits({ ...announced, waitingMax: 100 }),
    });
    const addStock = notifier ? notifier.wrapAddStock(addStockAnnounced) : addStockAnnounced;
    const changeClaim = notifier ? notifier.wrapChangeClaim(changeAnnounced) : changeAnnounced;
    const count = (what: 'added' | 'released' | 'gaveUp') => () => {
      counts[what] += 1;
    };
    const add = () =>
      addStock({ name: couponName, units: 1 + below(4), idempotencyKey: undefined }, byTest).then(
        count('added'),
        count('gaveUp'),
      );
    const release = ({ userId, claimId }: ModelClaim) =>
      changeClaim(aChange('release', userId, { claimId, mayReleaseConfirmed: true })).then(
        count('released'),
        count('gaveUp'),
      );
    return { claim, add, release, stop: () => cache.stop() };
  };

  const all = Array.from({ length: processes }, startProcess);
  const any = () => all[below(processes)] as (typeof all)[number];
  let claims = 0;
  for (let ms = 0; ms < runMs; ) {
    claims += 1;
    // Some users claim again, holders too.
    const holder = sale.model.claims[below(sale.model.claims.length)];
    const again = random() < 0.1 ? `user-${below(claims)}` : holder?.userId;
    const user = random() < 0.2 ? (again ?? `user-${claims}`) : `user-${claims}`;
    void any().claim(user, `claim-${claims}`);
    if (random() < 0.006) void any().add();
    if (holder && random() < 0.01) void any().release(holder);
    if (holder && random() < 0.01) {
      sale.model.decideChange({ ...aChange('confirm', holder.userId) }, time.nowMs());
    }
    if (random() < 0.01) sale.sweep();
    if (hasNotifications && random() < 0.02) network.sendForNoReason();
    const pauseMs = 1 + below(15);
    ms += pauseMs;
    await time.advance(pauseMs);
  }
  await time.advance(20_000);
  for (const { stop } of all) stop();
  counts.notified = network.delivered;
  return counts;
}

/** What a process would do that took a notification for a snapshot. */
function refuseFromNowOn(cache: SoldOutCache, clock: Clock): void {
  const { cached } = cache as unknown as { cached: CachedCoupons };
  const coupon = cached.get(couponName);
  if (coupon === undefined) return;
  coupon.isSoldOut = true;
  coupon.validUntilMs = clock.nowMs() + snapshotTtlMs;
}
