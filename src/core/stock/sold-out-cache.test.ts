// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import type { ClaimOutcome } from '../claims/claim.ts';
import { AppError } from '../errors.ts';
import type { SoldOutReader, StockSnapshot } from './ports.ts';
import { SoldOutCache } from './sold-out-cache.ts';

/**
 * A cache in front of a database with one coupon `C`, with a count of the calls. `positionOf` gives the position of the
 * nth holder, counted from 1. Holders in `released` have no claim any more. `past` is a part of all claim ids.
 */
function setup(
  options: { holders?: string[]; holdersMax?: number; positionOf?: (nth: number) => number } = {},
) {
  const clock = new FixedClock();
  const holders = options.holders ?? ['ada', 'bob'];
  const { positionOf = (nth) => nth } = options;
  const released = new Set<string>();
  const database = { past: 'one' };
  const given = (nth: number) => ({
    position: positionOf(nth),
    claimId: `${database.past}-${nth}`,
  });
  const stock: Omit<StockSnapshot, 'lastClaim'> = {
    amount: holders.length,
    remainingAmount: 0,
    state: 'open',
    stockAnnounced: false,
    closesInMs: null,
    holdsExpireInMs: null,
  };
  const calls = { decisions: 0, snapshots: 0, pages: 0 };
  const gates: { snapshot: Promise<void> } = { snapshot: Promise.resolve() };
  const reader: SoldOutReader = {
    async readStock(names) {
      calls.snapshots += 1;
      const seen = { ...stock, lastClaim: holders.length > 0 ? given(holders.length) : null };
      await gates.snapshot;
      return new Map(names.map((name) => [name, seen]));
    },
    async listHolders({ after, limit }) {
      calls.pages += 1;
      const all = holders.map((userId, index) => ({ userId, ...given(index + 1) }));
      if (after && !all.some(({ claimId }) => claimId === after.claimId)) return 'unknown_claim';
      const page = all
        .filter(
          ({ position, userId }) => position > (after?.position ?? 0) && !released.has(userId),
        )
        .slice(0, limit);
      const { position = 0, claimId = '' } = page.at(-1) ?? {};
      const last = page.length === 0 ? undefined : { position, claimId };
      return { userIds: page.map(({ userId }) => userId), last };
    },
  };
  const cache = new SoldOutCache({
    reader,
    clock,
    holdersMax: options.holdersMax ?? 1000,
    waitingMax: 1000,
    seed: 99,
  });
  const decided: string[] = [];
  const claimCoupon = cache.wrap(async ({ userId, couponName }): Promise<ClaimOutcome> => {
    calls.decisions += 1;
    decided.push(userId);
    const index = released.has(userId) ? -1 : holders.lastIndexOf(userId);
    if (index < 0 && stock.state !== 'open') return { outcome: 'closed' };
    if (index < 0) {
      cache.load(couponName);
      return { outcome: 'sold_out' };
    }
    const position = positionOf(index + 1);
    const claim = {
      claimId: 'id',
      couponName,
      userId,
      position,
      claimedAt: 'then',
      state: 'confirmed' as const,
    };
    return { outcome: 'already_claimed', claim };
  });
  const claim = (userId: string, couponName = 'C') =>
    claimCoupon({ couponName, userId, idempotencyKey: undefined, claimId: 'id' }).then(
      ({ outcome }) => outcome,
    );
  /** The database refuses a first claim, and the cache loads the coupon. */
  const load = async (couponName = 'C') => {
    await claim('first', couponName);
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    calls.decisions = 0;
    calls.snapshots = 0;
  };
  return {
    ...{ clock, stock, holders, released, database },
    calls,
    gates,
    cache,
    decided,
    claim,
    load,
  };
}

const crowd = (size: number) => Array.from({ length: size }, (_, index) => `holder-${index}`);

describe('SoldOutCache', () => {
  it('refuses a thousand new users without the database', async () => {
    const { claim, load, calls } = setup();
    await load();
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, i) => claim(`user-${i}`)));
    expect(new Set(outcomes)).toEqual(new Set(['sold_out']));
    expect(calls).toMatchObject({ decisions: 0, snapshots: 0 });
  });

  it('passes the claim of a holder to the database', async () => {
    const { claim, load } = setup();
    await load();
    expect(await claim('bob')).toBe('already_claimed');
  });

  it('takes one snapshot per 500 ms for any number of claims, and none without claims', async () => {
    const { claim, load, calls, clock } = setup();
    await load();
    await clock.advance(10_000);
    expect(calls.snapshots).toBe(0);
    await Promise.all(Array.from({ length: 100 }, (_, i) => claim(`user-${i}`)));
    await clock.advance(499);
    await claim('late');
    expect(calls).toMatchObject({ decisions: 0, snapshots: 1 });
    await clock.advance(1);
    await claim('later');
    expect(calls).toMatchObject({ decisions: 0, snapshots: 2 });
  });

  it('passes claims to the database within 500 ms after another process added stock', async () => {
    const { claim, load, stock, clock, calls } = setup();
    await load();
    stock.amount = 3;
    stock.remainingAmount = 1;
    await clock.advance(500);
    await claim('eve');
    expect(calls.decisions).toBe(1);
  });

  it('stops refusing when a snapshot shows an announced change', async () => {
    const { claim, load, stock, cache, clock, calls } = setup();
    await load();
    await clock.advance(499);
    stock.stockAnnounced = true;
    expect(await claim('in time')).toBe('sold_out');
    expect(calls).toMatchObject({ decisions: 0, snapshots: 0 });
    await clock.advance(1);
    await claim('late');
    expect(calls.decisions).toBe(1);
    expect(cache.size()).toEqual({ coupons: 0, holders: 2 });
  });

  it.each(['before the first snapshot', 'between the two snapshots'])(
    'does not cache a coupon whose change is announced %s',
    async (when) => {
      const { claim, stock, cache, gates } = setup();
      stock.stockAnnounced = when === 'before the first snapshot';
      let answer: () => void = () => undefined;
      gates.snapshot = new Promise((done) => (answer = done));
      await claim('first');
      await flushPromises();
      stock.stockAnnounced = true;
      answer();
      for (let turn = 0; turn < 20; turn += 1) await flushPromises();
      expect(cache.size().coupons).toBe(0);
    },
  );

  it('caches the coupon again when the announced units are added and claimed', async () => {
    const { claim, load, stock, cache, clock } = setup();
    stock.stockAnnounced = true;
    await load();
    stock.stockAnnounced = false;
    await clock.advance(500);
    await claim('eve');
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('passes claims to the database when added stock is sold out too, since there are other holders', async () => {
    const { claim, load, stock, holders, clock, calls } = setup();
    await load();
    holders.push('zoe');
    stock.amount = 3;
    await clock.advance(500);
    await claim('eve');
    expect(calls.decisions).toBe(1);
  });

  it('refuses no claim during a change by this process or right after it', async () => {
    const { claim, load, cache, calls } = setup();
    await load();
    let finish: () => void = () => undefined;
    const change = cache.whileChanging('C', () => new Promise<void>((done) => (finish = done)));
    await claim('during');
    expect(calls.decisions).toBe(1);
    finish();
    await change;
    await claim('after');
    expect(calls.decisions).toBe(2);
  });

  it('does not use a snapshot from before a change by this process', async () => {
    const { claim, load, cache, calls, clock, gates } = setup();
    await load();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => (answer = done));
    const early = claim('early');
    await flushPromises();
    await cache.whileChanging('C', async () => undefined);
    answer();
    await early;
    expect(calls.decisions).toBe(1);
  });

  it('does not cache what was read before a change by this process', async () => {
    const { claim, cache, calls, gates } = setup();
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => (answer = done));
    await claim('first');
    await flushPromises();
    await cache.whileChanging('C', async () => undefined);
    answer();
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    await claim('second');
    expect(calls.decisions).toBe(2);
  });

  it('is empty after forgetAll, and a refresh in progress at that moment refuses no claim', async () => {
    const { claim, load, cache, calls, clock, gates } = setup();
    await load();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => (answer = done));
    const waiting = claim('eve');
    await flushPromises();
    cache.forgetAll();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    answer();
    await waiting;
    await claim('late');
    expect(calls.decisions).toBe(2);
  });

  it('caches nothing that was read before forgetAll', async () => {
    const { claim, cache, gates, load, clock } = setup();
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => (answer = done));
    await claim('first');
    await flushPromises();
    cache.forgetAll();
    answer();
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    await clock.advance(500);
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('loads once after several connections have broken, and not before 500 ms without a break', async () => {
    const { claim, cache, calls, clock } = setup();
    for (let connection = 0; connection < 20; connection += 1) {
      cache.forgetAll();
      await clock.advance(100);
      for (let user = 0; user < 10; user += 1) await claim(`user-${connection}-${user}`);
    }
    expect(calls).toMatchObject({ snapshots: 0, pages: 0, decisions: 200 });
    await clock.advance(400);
    for (let user = 0; user < 10; user += 1) await claim(`late-${user}`);
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    expect(calls.pages).toBe(1);
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('reads only the new holders when a coupon sells out again', async () => {
    const { claim, load, stock, holders, clock, calls, cache } = setup({
      ...{ holders: crowd(6_000), holdersMax: 10_000 },
    });
    await load();
    expect(calls.pages).toBe(2);
    stock.remainingAmount = 1;
    await clock.advance(500);
    await claim('eve');
    stock.remainingAmount = 0;
    stock.amount += 1;
    holders.push('zoe');
    await clock.advance(50);
    await load();
    expect(calls.pages).toBe(3);
    expect(cache.size()).toEqual({ coupons: 1, holders: 6_001 });
    expect(await claim('zoe')).toBe('already_claimed');
    expect(await claim('holder-0')).toBe('already_claimed');
    expect(await claim('eve')).toBe('sold_out');
    expect(calls.decisions).toBe(2);
  });

  it('reads no holder again when no unit was claimed while it was not sold out', async () => {
    const { claim, load, stock, clock, calls, cache } = setup();
    await load();
    stock.state = 'paused';
    await clock.advance(500);
    await claim('eve');
    stock.state = 'open';
    await load();
    expect(calls.pages).toBe(1);
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('passes claims of a user whose claim was released to the database, until it reads all holders again', async () => {
    const { claim, load, stock, holders, released, clock, calls, cache } = setup();
    await load();
    for (const [round, user] of ['zoe', 'max', 'pam'].entries()) {
      released.add(holders[round] ?? '');
      holders.push(user);
      await clock.advance(600);
      await claim('eve');
      await load();
      expect(cache.size()).toEqual({ coupons: 1, holders: round < 2 ? 3 + round : 5 });
    }
    expect(await claim('ada')).toBe('sold_out');
    expect(calls.decisions).toBe(1);
    stock.amount = 2;
    await clock.advance(600);
    holders.push('tom');
    released.add('max');
    await claim('eve');
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
    expect(await claim('ada')).toBe('sold_out');
    expect(calls.decisions).toBe(0);
  });

  it('reads all holders again after a failover that has lost the last claim', async () => {
    const { claim, load, holders, database, clock, cache } = setup({ holders: ['ada', 'bob'] });
    await load();
    database.past = 'other';
    holders[1] = 'zoe';
    await clock.advance(500);
    expect(await claim('zoe')).toBe('already_claimed');
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    await clock.advance(500);
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
    expect(await claim('zoe')).toBe('already_claimed');
    expect(await claim('bob')).toBe('sold_out');
  });

  it('ends at once when a failover has given the last position to another claim', async () => {
    const { claim, load, database, clock, decided } = setup();
    await load();
    database.past = 'other';
    await clock.advance(500);
    await claim('eve');
    expect(decided).toContain('eve');
  });

  it('is loaded although claims are won during the load', async () => {
    const { claim, holders, released, gates, cache, calls } = setup({ holders: crowd(20) });
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => (answer = done));
    await claim('first');
    await flushPromises();
    holders.push('zoe');
    released.add('holder-3');
    answer();
    for (let turn = 0; turn < 20; turn += 1) await flushPromises();
    expect(cache.size()).toEqual({ coupons: 1, holders: 20 });
    expect(await claim('zoe')).toBe('already_claimed');
    expect(calls.pages).toBe(2);
  });

  it('takes a new snapshot before the next hold can expire, whatever the rates of the clocks', async () => {
    const { claim, load, stock, clock, calls } = setup();
    stock.holdsExpireInMs = 110;
    await load();
    await clock.advance(99);
    expect(await claim('eve')).toBe('sold_out');
    expect(calls).toMatchObject({ decisions: 0, snapshots: 0 });
    await clock.advance(1);
    stock.holdsExpireInMs = 0;
    await claim('mallory');
    expect(calls.decisions).toBe(1);
    expect(calls.snapshots).toBeGreaterThan(0);
  });

  it('passes claims to the database while a hold may have expired, and refuses them again after that', async () => {
    const { claim, load, stock, clock, calls, cache } = setup();
    stock.holdsExpireInMs = -5;
    await load();
    expect(cache.size().coupons).toBe(0);
    await claim('eve');
    expect(calls.decisions).toBe(1);
    stock.holdsExpireInMs = 60_000;
    await clock.advance(500);
    await load();
    expect(await claim('mallory')).toBe('sold_out');
    expect(calls.decisions).toBe(0);
  });

  it('tries again 50 ms after a hold that may have expired, when it knows the holders', async () => {
    const { claim, load, stock, clock, cache } = setup();
    await load();
    stock.holdsExpireInMs = 0;
    await clock.advance(500);
    await claim('eve');
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 2 });
    stock.holdsExpireInMs = 10_000;
    await clock.advance(50);
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('removes a coupon whose new holders do not fit', async () => {
    const { claim, load, stock, holders, clock, cache } = setup({ holdersMax: 3 });
    await load();
    stock.amount = 4;
    holders.push('zoe', 'max');
    await clock.advance(500);
    await claim('eve');
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
  });

  it('caches nothing when the last claim is not found', async () => {
    const { claim, load, holders, stock, cache } = setup();
    holders.length = 0;
    stock.amount = 2;
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    expect(await claim('ada')).toBe('sold_out');
  });

  it('passes claims to the database when the sale is paused, whatever its stock', async () => {
    const { claim, load, stock, clock, calls } = setup();
    await load();
    stock.state = 'paused';
    await clock.advance(500);
    await claim('eve');
    expect(calls.decisions).toBe(1);
  });

  it('takes a new snapshot at the moment when the sale closes', async () => {
    const { claim, load, stock, clock, calls } = setup();
    stock.closesInMs = 200;
    await load();
    await clock.advance(199);
    await claim('eve');
    expect(calls).toMatchObject({ decisions: 0, snapshots: 0 });
    await clock.advance(1);
    stock.state = 'closed';
    await claim('mallory');
    expect(calls).toMatchObject({ decisions: 1, snapshots: 1 });
  });

  it('does not refuse a claim by a snapshot that was requested half a second before it arrived', async () => {
    const { claim, load, clock, gates, decided } = setup();
    await load();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.snapshot = new Promise((done) => {
      answer = done;
    });
    const early = claim('early');
    await clock.advance(500);
    const late = claim('late');
    answer();
    await Promise.all([early, late]);
    expect(decided).toContain('late');
  });

  it('lets no claim wait longer than half a second for a snapshot', async () => {
    const { claim, load, clock, calls, gates } = setup();
    await load();
    await clock.advance(500);
    gates.snapshot = new Promise(() => undefined);
    const claimed = claim('eve');
    await clock.advance(500);
    await claimed;
    expect(calls.decisions).toBe(1);
  });

  it('lets no crowd remove the coupon of another crowd', async () => {
    const { load, claim, cache, calls } = setup({ holdersMax: 3 });
    await load('one');
    for (let turn = 0; turn < 10; turn += 1) {
      await claim('eve', 'one');
      await claim('eve', 'other');
      for (let rest = 0; rest < 5; rest += 1) await flushPromises();
    }
    expect(cache.size()).toEqual({ coupons: 1, holders: 2 });
    expect(calls.pages).toBeLessThanOrEqual(2);
  });

  it('passes claims to the database when the snapshot fails', async () => {
    const { claim, load, clock, calls, gates } = setup();
    await load();
    await clock.advance(500);
    gates.snapshot = Promise.reject(new AppError('unavailable', { detail: 'no database' }));
    gates.snapshot.catch(() => undefined);
    await claim('eve');
    expect(calls.decisions).toBe(1);
  });

  it('caches a coupon with exactly as many holders as fit, and not one with one more', async () => {
    const fits = setup({ holdersMax: 2 });
    await fits.load();
    expect(fits.cache.size()).toEqual({ coupons: 1, holders: 2 });
    const tooMany = setup({ holdersMax: 1 });
    await tooMany.load();
    expect(tooMany.cache.size()).toEqual({ coupons: 0, holders: 0 });
    expect(tooMany.calls.pages).toBe(0);
  });

  it('does not load a coupon again at once that does not fit', async () => {
    const { claim, calls, clock } = setup({ holdersMax: 1 });
    for (let turn = 0; turn < 10; turn += 1) {
      await claim(`user-${turn}`);
      await flushPromises();
    }
    expect(calls.snapshots).toBe(1);
    await clock.advance(500);
    await claim('later');
    await flushPromises();
    expect(calls.snapshots).toBe(2);
  });

  it('removes the coupon without claims for the longest time when another one needs the room', async () => {
    const { load, claim, cache, clock, calls } = setup({ holdersMax: 4 });
    await load('old');
    await clock.advance(10);
    await load('new');
    await clock.advance(6_000);
    await claim('eve', 'old');
    await load('newest');
    expect(cache.size()).toEqual({ coupons: 2, holders: 4 });
    await claim('eve', 'old');
    expect(calls.decisions).toBe(0);
  });

  it('removes a coupon without claims for a minute', async () => {
    const { load, cache, clock } = setup();
    await load();
    await clock.advance(80_000);
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
  });

  it('reads all holders of a coupon that has more than a page of them', async () => {
    const holders = Array.from({ length: 12_345 }, (_, index) => `holder-${index}`);
    const { load, claim, cache, calls } = setup({ holders, holdersMax: 20_000 });
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 12_345 });
    expect(await claim('holder-12344')).toBe('already_claimed');
    expect(await claim('holder-12345')).toBe('sold_out');
    expect(calls.decisions).toBe(1);
  });

  it('caches all holders when positions have gaps and exceed the amount', async () => {
    const holders = Array.from({ length: 12_345 }, (_, index) => `holder-${index}`);
    const positionOf = (nth: number) => nth * 3 + (nth > 6000 ? 50_000 : 0);
    const { load, claim, cache, calls } = setup({ holders, holdersMax: 20_000, positionOf });
    await load();
    expect(cache.size()).toEqual({ coupons: 1, holders: 12_345 });
    expect(await claim('holder-12344')).toBe('already_claimed');
    expect(await claim('holder-12345')).toBe('sold_out');
    expect(calls).toMatchObject({ decisions: 1, pages: 3 });
  });

  it.each([-1, 1])('caches nothing when the holders differ by %i from the stock', async (by) => {
    const { load, cache, stock } = setup({ holders: ['ada', 'bob', 'eve'] });
    stock.amount += by;
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
  });

  it('caches nothing when its limit is 0', async () => {
    const { load, cache, calls } = setup({ holdersMax: 0 });
    await load();
    expect(cache.size()).toEqual({ coupons: 0, holders: 0 });
    expect(calls.pages).toBe(0);
  });
});
