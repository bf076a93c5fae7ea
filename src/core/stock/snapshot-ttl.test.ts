// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Sold-out caches, and units that come back: several processes on one simulated database, with calls of any length.
 * Units come back by added stock, by releases and by holds that expire.
 */
import { describe, expect, it } from 'vitest';
import { byTest } from '../../../test/support/by-test.ts';
import { seededRandom } from '../../../test/support/fault-proxy.ts';
import { FixedClock } from '../../../test/support/fixed-clock.ts';
import { CouponModel, type ModelClaim } from '../../../test/support/sale-model.ts';
import { aChange, numbered } from '../../../test/support/scripted-claim-store.ts';
import { changeClaimWith } from '../claims/change-claim.ts';
import type { Claim, ClaimOutcome } from '../claims/claim.ts';
import type { ChangeDecision, SentChange } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import { addStockWith } from '../coupons/add-stock.ts';
import { type CouponWithHolders, couponDefaults } from '../coupons/coupon.ts';
import { AppError } from '../errors.ts';
import { AnnouncementWaits } from './announcement-waits.ts';
import type { SoldOutReader, StockSnapshot } from './ports.ts';
import { SoldOutCache } from './sold-out-cache.ts';

const couponName = 'C';
const runs = 150;
const processes = 3;
const runMs = 6_000;

/** What a simulated database does wrong on purpose. */
type Defect = 'none' | 'releases at once' | 'hides the end of holds' | 'hides new holders';

const toClaim = ({ claimId, userId, position }: ModelClaim): Claim => ({
  ...{ claimId, couponName, userId, position },
  ...{ claimedAt: 'then', state: 'confirmed' },
});

/** One coupon, as the model of a sale decides it. */
class Sale {
  readonly model = new CouponModel(3);
  /** Claims in progress, each with whether no unit could be claimed at any moment since its start. */
  readonly watchers = new Set<{ wasSoldOut: boolean }>();
  private readonly time: FixedClock;
  private readonly defect: Defect;
  private batches = 0;

  constructor(time: FixedClock, holdMs: number | undefined, defect: Defect) {
    this.time = time;
    this.model.holdMs = holdMs;
    this.model.claimsPerUserMax = 100;
    this.defect = defect;
  }

  /** Not while a hold has expired: the next claim gets its unit. */
  get isSoldOut(): boolean {
    return this.model.remaining === 0 && !(this.nextEndMs <= 0);
  }

  /** Milliseconds until the first hold ends. */
  get nextEndMs(): number {
    const ends = this.model.claims.map(({ expiresMs }) => expiresMs ?? Number.POSITIVE_INFINITY);
    return Math.min(...ends) - this.time.nowMs();
  }

  /** The live claim of a user, whose hold has not expired. */
  liveClaimOf(userId: string): ModelClaim | undefined {
    const claim = this.model.claimsByUser.get(userId);
    return (claim?.expiresMs ?? Number.POSITIVE_INFINITY) > this.time.nowMs() ? claim : undefined;
  }

  claim(userId: string, claimId: string): ClaimOutcome {
    const [decision] =
      this.model.decideBatch([{ userId, claimId, idempotencyKey: undefined }], this.batch()) ?? [];
    if (this.isSoldOut) for (const watcher of this.watchers) watcher.wasSoldOut = true;
    if (decision?.claim === undefined) return { outcome: 'sold_out' };
    return { outcome: decision.outcome as 'claimed', claim: toClaim(decision.claim) };
  }

  change(command: SentChange): ChangeDecision {
    const { model } = this;
    const isForced = this.defect === 'releases at once' && model.remaining === 0;
    if (isForced) model.announced = true;
    const announcement = isForced ? String(model.ledger.length) : command.announcement;
    const [decision] = model.decideBatch([{ ...command, announcement }], this.batch()) ?? [];
    if (decision?.announcement !== undefined) {
      if (command.announcement !== undefined) counts.announcedAgain += 1;
      return { outcome: 'announced', announcement: decision.announcement };
    }
    return { outcome: decision?.outcome as 'forbidden' };
  }

  sweep(): void {
    this.model.sweep(2, this.batch());
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
        ...couponDefaults,
      },
    };
    const added = this.model.addStock(units, { batchId, announcement, ms: this.time.nowMs() });
    return typeof added === 'object' ? added : { coupon, replayed: added === 'replayed' };
  }

  readStock(): StockSnapshot {
    const { amount, remaining, announced, claims, released } = this.model;
    const last = [...claims, ...released].reduce<ModelClaim | undefined>(
      (one, other) => ((one?.position ?? 0) > other.position ? one : other),
      undefined,
    );
    const ends = Number.isFinite(this.nextEndMs) && this.defect !== 'hides the end of holds';
    return {
      ...{ amount, remainingAmount: remaining, stockAnnounced: announced },
      lastClaim: last === undefined ? null : { position: last.position, claimId: last.claimId },
      ...{ state: 'open', closesInMs: null, holdsExpireInMs: ends ? this.nextEndMs : null },
    };
  }

  listHolders({ after, limit }: Parameters<SoldOutReader['listHolders']>[0]) {
    const { claims, released } = this.model;
    const isKnown = [...claims, ...released].some(({ claimId }) => claimId === after?.claimId);
    if (after !== undefined && !isKnown) return 'unknown_claim' as const;
    const isHidden = this.defect === 'hides new holders' && after !== undefined;
    const page = claims.filter(({ position }) => position > (after?.position ?? 0));
    const last = page.slice(0, limit).at(-1);
    return {
      userIds: isHidden ? [] : page.slice(0, limit).map(({ userId }) => userId),
      last: last && { position: last.position, claimId: last.claimId },
    };
  }

  private batch() {
    this.batches += 1;
    return { batchId: `batch-${this.batches}`, ms: this.time.nowMs() };
  }
}

const none = {
  ...{ wrongRefusals: 0, refusedHolders: 0, fromCache: 0 },
  ...{ added: 0, announcedAgain: 0, gaveUp: 0, released: 0 },
};
let counts = { ...none };

/** Crowds claim at all processes while some of these add stock and release claims. Counts the answers. */
async function run(seed: number, defect: Defect = 'none'): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const time = new FixedClock();
  const sale = new Sale(time, random() < 0.7 ? 200 + below(3_000) : undefined, defect);
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
    const claimCoupon = cache.wrap(async ({ userId, claimId }) => {
      decided.add(claimId);
      const outcome = await call(() => sale.claim(userId, claimId));
      if (outcome.outcome === 'sold_out') cache.load(couponName);
      return outcome;
    });
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
    const addStock = addStockWith({
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
    const changeClaim = changeClaimWith({
      ...announced,
      send: (command) => call(() => sale.change(command)),
      waits: new AnnouncementWaits({ ...announced, waitingMax: 100 }),
    });
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
    const pauseMs = 1 + below(15);
    ms += pauseMs;
    await time.advance(pauseMs);
  }
  await time.advance(20_000);
  for (const { stop } of all) stop();
}

describe('sold-out caches and units that come back', () => {
  it('never refuse a claim as sold_out while units are left from its start to its answer, nor a holder', async () => {
    counts = { ...none };
    for (let seed = 1; seed <= runs; seed += 1) await run(seed);
    expect(counts).toMatchObject({ wrongRefusals: 0, refusedHolders: 0 });
    // A run without such events proves nothing.
    expect(counts.fromCache).toBeGreaterThan(10 * runs);
    expect(counts.added).toBeGreaterThan(runs);
    expect(counts.released).toBeGreaterThan(runs);
    expect(counts.announcedAgain).toBeGreaterThan(runs / 10);
  });

  it.each([
    ['releases at once', 'wrongRefusals'],
    ['hides the end of holds', 'wrongRefusals'],
    ['hides new holders', 'refusedHolders'],
  ] as const)('are found wrong where the database %s', async (defect, found) => {
    counts = { ...none };
    for (let seed = 1; seed <= runs && counts[found] === 0; seed += 1) await run(seed, defect);
    expect(counts[found]).toBeGreaterThan(0);
  });
});
