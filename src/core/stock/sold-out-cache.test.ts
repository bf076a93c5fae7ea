// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, settled } from '../../../test/support/fixed-clock.ts';
import type { ClaimOutcome } from '../claims/claim.ts';
import type { SoldOutReader, StockSnapshot } from '../claims/ports.ts';
import { AppError } from '../errors.ts';
import { SoldOutCache } from './sold-out-cache.ts';

/** A database with one coupon `C`, and a count of what it was asked. */
function setup(options: { holders?: string[]; holdersMax?: number } = {}) {
  const clock = new FixedClock();
  const holders = options.holders ?? ['ada', 'bob'];
  const stock: StockSnapshot = {
    version: '1',
    amount: holders.length,
    remainingAmount: 0,
    state: 'open',
    stockAnnounced: false,
    closesInMs: null,
  };
  const asked = { decisions: 0, looks: 0, pages: 0 };
  const gates: { look: Promise<void> } = { look: Promise.resolve() };
  const reader: SoldOutReader = {
    async readStock(names) {
      asked.looks += 1;
      const seen = { ...stock };
      await gates.look;
      return new Map(names.map((name) => [name, seen]));
    },
    async listHolders({ afterPosition, limit }) {
      asked.pages += 1;
      return holders.slice(afterPosition, afterPosition + limit);
    },
  };
  const memory = new SoldOutCache({
    reader,
    clock,
    holdersMax: options.holdersMax ?? 1000,
    waitingMax: 1000,
    seed: 99,
  });
  const decided: string[] = [];
  const claimCoupon = memory.wrap(async ({ userId, couponName }): Promise<ClaimOutcome> => {
    asked.decisions += 1;
    decided.push(userId);
    const place = holders.indexOf(userId);
    if (place < 0 && stock.state !== 'open') return { outcome: 'closed' };
    if (place < 0) {
      memory.learn(couponName);
      return { outcome: 'sold_out' };
    }
    const claim = { claimId: 'id', couponName, userId, position: place + 1, claimedAt: 'then' };
    return { outcome: 'already_claimed', claim };
  });
  const claim = (userId: string, couponName = 'C') =>
    claimCoupon({ couponName, userId, idempotencyKey: undefined, claimId: 'id' }).then(
      ({ outcome }) => outcome,
    );
  /** Lets the memory hear of the first refusal and read all that it wants. */
  const learn = async (couponName = 'C') => {
    await claim('first', couponName);
    for (let turn = 0; turn < 20; turn += 1) await settled();
    asked.decisions = 0;
    asked.looks = 0;
  };
  return { clock, stock, holders, asked, gates, memory, decided, claim, learn };
}

describe('the memory of sold out coupons', () => {
  it('refuses a thousand strangers without asking the database', async () => {
    const { claim, learn, asked } = setup();
    await learn();
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, i) => claim(`user-${i}`)));
    expect(new Set(outcomes)).toEqual(new Set(['sold_out']));
    expect(asked).toMatchObject({ decisions: 0, looks: 0 });
  });

  it('lets a holder hear from the database that he holds', async () => {
    const { claim, learn } = setup();
    await learn();
    expect(await claim('bob')).toBe('already_claimed');
  });

  it('looks at the stock once in 500 ms, however many ask, and not while nobody asks', async () => {
    const { claim, learn, asked, clock } = setup();
    await learn();
    await clock.advance(10_000);
    expect(asked.looks).toBe(0);
    await Promise.all(Array.from({ length: 100 }, (_, i) => claim(`user-${i}`)));
    await clock.advance(499);
    await claim('late');
    expect(asked).toMatchObject({ decisions: 0, looks: 1 });
    await clock.advance(1);
    await claim('later');
    expect(asked).toMatchObject({ decisions: 0, looks: 2 });
  });

  it('asks the database again within 500 ms after another process added stock', async () => {
    const { claim, learn, stock, clock, asked } = setup();
    await learn();
    stock.version = '2';
    stock.amount = 3;
    stock.remainingAmount = 1;
    await clock.advance(500);
    await claim('eve');
    expect(asked.decisions).toBe(1);
  });

  it('does not go on from a look that finds stock announced', async () => {
    const { claim, learn, stock, memory, clock, asked } = setup();
    await learn();
    await clock.advance(499);
    stock.stockAnnounced = true;
    expect(await claim('in time')).toBe('sold_out');
    expect(asked).toMatchObject({ decisions: 0, looks: 0 });
    await clock.advance(1);
    await claim('late');
    expect(asked.decisions).toBe(1);
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
  });

  it.each(['from the first look on', 'between the two looks'])(
    'does not begin to remember what is announced %s',
    async (when) => {
      const { claim, stock, memory, gates } = setup();
      stock.stockAnnounced = when === 'from the first look on';
      let answer: () => void = () => undefined;
      gates.look = new Promise((done) => (answer = done));
      await claim('first');
      await settled();
      stock.stockAnnounced = true;
      answer();
      for (let turn = 0; turn < 20; turn += 1) await settled();
      expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
    },
  );

  it('remembers again when what was announced is there and gone', async () => {
    const { claim, learn, stock, memory, clock } = setup();
    stock.stockAnnounced = true;
    await learn();
    stock.stockAnnounced = false;
    stock.version = '3';
    await clock.advance(500);
    await claim('eve');
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(memory.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('asks the database again when the added stock is gone as well, since the holders are others now', async () => {
    const { claim, learn, stock, clock, asked } = setup();
    await learn();
    stock.version = '3';
    stock.amount = 3;
    await clock.advance(500);
    await claim('eve');
    expect(asked.decisions).toBe(1);
  });

  it('gives no refusal from memory during a change by this process, nor right after it', async () => {
    const { claim, learn, memory, asked } = setup();
    await learn();
    let finish: () => void = () => undefined;
    const change = memory.whileChanging('C', () => new Promise<void>((done) => (finish = done)));
    await claim('during');
    expect(asked.decisions).toBe(1);
    finish();
    await change;
    await claim('after');
    expect(asked.decisions).toBe(2);
  });

  it('does not believe a look that began before a change by this process', async () => {
    const { claim, learn, memory, asked, clock, gates } = setup();
    await learn();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.look = new Promise((done) => (answer = done));
    const early = claim('early');
    await settled();
    await memory.whileChanging('C', async () => undefined);
    answer();
    await early;
    expect(asked.decisions).toBe(1);
  });

  it('does not begin to remember from what it read before a change by this process', async () => {
    const { claim, memory, asked, gates } = setup();
    let answer: () => void = () => undefined;
    gates.look = new Promise((done) => (answer = done));
    await claim('first');
    await settled();
    await memory.whileChanging('C', async () => undefined);
    answer();
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
    await claim('second');
    expect(asked.decisions).toBe(2);
  });

  it('is empty after all was forgotten, and a look under way at that moment refuses nobody', async () => {
    const { claim, learn, memory, asked, clock, gates } = setup();
    await learn();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.look = new Promise((done) => (answer = done));
    const waiting = claim('eve');
    await settled();
    memory.forgetAll();
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
    answer();
    await waiting;
    await claim('late');
    expect(asked.decisions).toBe(2);
  });

  it('remembers nothing of what was read before all was forgotten', async () => {
    const { claim, memory, gates, learn } = setup();
    let answer: () => void = () => undefined;
    gates.look = new Promise((done) => (answer = done));
    await claim('first');
    await settled();
    memory.forgetAll();
    answer();
    for (let turn = 0; turn < 20; turn += 1) await settled();
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
    await learn();
    expect(memory.size()).toEqual({ coupons: 1, holders: 2 });
  });

  it('is silent about a sale that is paused, whatever its stock', async () => {
    const { claim, learn, stock, clock, asked } = setup();
    await learn();
    stock.state = 'paused';
    await clock.advance(500);
    await claim('eve');
    expect(asked.decisions).toBe(1);
  });

  it('looks again at the moment when the sale closes', async () => {
    const { claim, learn, stock, clock, asked } = setup();
    stock.closesInMs = 200;
    await learn();
    await clock.advance(199);
    await claim('eve');
    expect(asked).toMatchObject({ decisions: 0, looks: 0 });
    await clock.advance(1);
    stock.state = 'closed';
    await claim('mallory');
    expect(asked).toMatchObject({ decisions: 1, looks: 1 });
  });

  it('does not refuse whoever joins a look that began half a second before he came', async () => {
    const { claim, learn, clock, gates, decided } = setup();
    await learn();
    await clock.advance(500);
    let answer: () => void = () => undefined;
    gates.look = new Promise((done) => {
      answer = done;
    });
    const early = claim('early');
    await clock.advance(500);
    const late = claim('late');
    answer();
    await Promise.all([early, late]);
    expect(decided).toContain('late');
  });

  it('does not keep anybody waiting for a look that takes longer than half a second', async () => {
    const { claim, learn, clock, asked, gates } = setup();
    await learn();
    await clock.advance(500);
    gates.look = new Promise(() => undefined);
    const claimed = claim('eve');
    await clock.advance(500);
    await claimed;
    expect(asked.decisions).toBe(1);
  });

  it('does not let two crowds throw out each other', async () => {
    const { learn, claim, memory, asked } = setup({ holdersMax: 3 });
    await learn('one');
    for (let turn = 0; turn < 10; turn += 1) {
      await claim('eve', 'one');
      await claim('eve', 'other');
      for (let rest = 0; rest < 5; rest += 1) await settled();
    }
    expect(memory.size()).toEqual({ coupons: 1, holders: 2 });
    expect(asked.pages).toBeLessThanOrEqual(2);
  });

  it('leaves the answer to the database when the stock cannot be looked at', async () => {
    const { claim, learn, clock, asked, gates } = setup();
    await learn();
    await clock.advance(500);
    gates.look = Promise.reject(new AppError('unavailable', { detail: 'no database' }));
    gates.look.catch(() => undefined);
    await claim('eve');
    expect(asked.decisions).toBe(1);
  });

  it('remembers a coupon of exactly as many holders as there is room for, and none of one more', async () => {
    const fits = setup({ holdersMax: 2 });
    await fits.learn();
    expect(fits.memory.size()).toEqual({ coupons: 1, holders: 2 });
    const tooMany = setup({ holdersMax: 1 });
    await tooMany.learn();
    expect(tooMany.memory.size()).toEqual({ coupons: 0, holders: 0 });
    expect(tooMany.asked.pages).toBe(0);
  });

  it('does not try again at once to remember a coupon that does not fit', async () => {
    const { claim, asked, clock } = setup({ holdersMax: 1 });
    for (let turn = 0; turn < 10; turn += 1) {
      await claim(`user-${turn}`);
      await settled();
    }
    expect(asked.looks).toBe(1);
    await clock.advance(500);
    await claim('later');
    await settled();
    expect(asked.looks).toBe(2);
  });

  it('forgets the coupon that was not asked for longest when there is no room for another', async () => {
    const { learn, claim, memory, clock, asked } = setup({ holdersMax: 4 });
    await learn('old');
    await clock.advance(10);
    await learn('new');
    await clock.advance(6_000);
    await claim('eve', 'old');
    await learn('newest');
    expect(memory.size()).toEqual({ coupons: 2, holders: 4 });
    await claim('eve', 'old');
    expect(asked.decisions).toBe(0);
  });

  it('forgets a coupon that nobody asks for during a minute', async () => {
    const { learn, memory, clock } = setup();
    await learn();
    await clock.advance(80_000);
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
  });

  it('reads all holders of a coupon that has more than a page of them', async () => {
    const holders = Array.from({ length: 12_345 }, (_, index) => `holder-${index}`);
    const { learn, claim, memory, asked } = setup({ holders, holdersMax: 20_000 });
    await learn();
    expect(memory.size()).toEqual({ coupons: 1, holders: 12_345 });
    expect(await claim('holder-12344')).toBe('already_claimed');
    expect(await claim('holder-12345')).toBe('sold_out');
    expect(asked.decisions).toBe(1);
  });

  it('remembers nothing when it may hold nobody', async () => {
    const { learn, memory, asked } = setup({ holdersMax: 0 });
    await learn();
    expect(memory.size()).toEqual({ coupons: 0, holders: 0 });
    expect(asked.pages).toBe(0);
  });
});
