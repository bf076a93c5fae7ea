// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, settled } from '../../../test/support/fixed-clock.ts';
import { numbered } from '../../../test/support/scripted-claim-store.ts';
import { snapshotTtlMs } from '../stock/snapshot-ttl.ts';
import { amountMax, type CouponWithHolders } from './coupon.ts';
import { manageCouponWith } from './manage-coupon.ts';
import type { CouponStore, StockAddition } from './ports.ts';

const coupon: CouponWithHolders = {
  ...{ id: '1', name: 'LAUNCH', amount: 5, remainingAmount: 5, state: 'open' },
  ...{ opensAt: null, closesAt: null, paused: false, holders: [] },
};

function setup(
  answers: Partial<CouponStore>,
  { clock, ending }: { clock?: FixedClock; ending?: AbortSignal } = {},
) {
  const notAsked = () => Promise.reject(new Error('not asked for'));
  return manageCouponWith({
    store: {
      ...{ createCoupon: notAsked, changeCoupon: notAsked, addStock: notAsked },
      ...{ readCoupons: notAsked, listCoupons: notAsked },
      ...answers,
    },
    clock: clock ?? new FixedClock(),
    ending: ending ?? new AbortController().signal,
    newBatchId: numbered('new-'),
    batchIdFor: (text) => `for ${text}`,
  });
}

describe('creating a coupon', () => {
  const newCoupon = { name: 'LAUNCH', amount: 5, opensAt: null, closesAt: null };

  it('gives the coupon as it was created, each under a batch id of its own', async () => {
    const asked: unknown[] = [];
    const manage = setup({
      createCoupon: async (asking) => {
        asked.push(asking);
        return coupon;
      },
    });
    expect(await manage.create(newCoupon)).toBe(coupon);
    await manage.create(newCoupon);
    expect(asked).toEqual([
      { ...newCoupon, batchId: 'new-1' },
      { ...newCoupon, batchId: 'new-2' },
    ]);
  });

  it('says so when the name is taken', async () => {
    const manage = setup({ createCoupon: async () => 'coupon_exists' });
    await expect(manage.create(newCoupon)).rejects.toMatchObject({ code: 'coupon_exists' });
  });
});

describe('changing a coupon', () => {
  it('gives the coupon as it is then', async () => {
    const manage = setup({ changeCoupon: async () => coupon });
    expect(await manage.change('LAUNCH', { paused: true })).toBe(coupon);
  });

  it('says so when there is none', async () => {
    const manage = setup({ changeCoupon: async () => 'coupon_not_found' });
    await expect(manage.change('nowhere', {})).rejects.toMatchObject({ code: 'coupon_not_found' });
  });

  it('names the field when the window would end before it begins', async () => {
    const manage = setup({ changeCoupon: async () => 'window_ends_before_it_begins' });
    await expect(manage.change('LAUNCH', {})).rejects.toMatchObject({
      code: 'invalid_request',
      fields: [{ field: 'closes_at', message: 'must be later than opens_at' }],
    });
  });
});

describe('adding stock', () => {
  function adding() {
    const batchIds: string[] = [];
    const manage = setup({
      addStock: async ({ batchId }) => {
        batchIds.push(batchId);
        return { coupon, replayed: false };
      },
    });
    const add = (name: string, idempotencyKey?: string) =>
      manage.addStock({ name, units: 1, idempotencyKey });
    return { batchIds, add };
  }

  it('is one addition under one key, however often it is asked', async () => {
    const { batchIds, add } = adding();
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'one intent');
    expect(new Set(batchIds).size).toBe(1);
  });

  it('is another addition without a key, under another key, or for another coupon', async () => {
    const { batchIds, add } = adding();
    await add('LAUNCH');
    await add('LAUNCH');
    await add('LAUNCH', 'one intent');
    await add('LAUNCH', 'another intent');
    await add('OTHER', 'one intent');
    // Two pairs that would be the same text if they were merely joined.
    await add('a', 'b,c');
    await add('a,b', 'c');
    await add('a","b', 'c');
    expect(new Set(batchIds).size).toBe(8);
  });

  it('tells whether it had been added before', async () => {
    const manage = setup({ addStock: async () => ({ coupon, replayed: true }) });
    const addition = { name: 'LAUNCH', units: 1, idempotencyKey: 'one intent' };
    expect(await manage.addStock(addition)).toEqual({ coupon, replayed: true });
  });

  it.each([
    ['coupon_not_found', { code: 'coupon_not_found' }],
    ['too_much', { code: 'invalid_request', fields: [{ field: 'add' }] }],
    ['idempotency_key_reused', { code: 'idempotency_key_reused' }],
  ] as const)('says so when it is %s', async (told, fault) => {
    const manage = setup({ addStock: async () => told });
    const failure = await manage
      .addStock({ name: 'LAUNCH', units: amountMax, idempotencyKey: undefined })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject(fault);
  });
});

describe('adding stock to a sold out coupon', () => {
  /** A store that answers with each announcement in turn, then adds; `told` is what the caller heard so far. */
  function adding(announcements: readonly string[]) {
    const clock = new FixedClock();
    const ending = new AbortController();
    const calls: (StockAddition & { atMs: number })[] = [];
    const addStock: CouponStore['addStock'] = async (addition) => {
      const announcement = announcements[calls.length];
      calls.push({ ...addition, atMs: clock.nowMs() });
      return announcement === undefined ? { coupon, replayed: false } : { announcement };
    };
    const manage = setup({ addStock }, { clock, ending: ending.signal });
    const told: unknown[] = [];
    const add = async () => {
      void manage.addStock({ name: 'LAUNCH', units: 7, idempotencyKey: undefined }).then(
        (added) => told.push(added),
        (error: unknown) => told.push(error),
      );
      await settled();
    };
    return { clock, ending, calls, told, add };
  }

  it('announces it, and adds when no look from before can be believed any more', async () => {
    const { clock, calls, told, add } = adding(['5']);
    await add();
    expect(calls).toMatchObject([{ units: 7, announcement: undefined, atMs: 0 }]);
    await clock.advance(snapshotTtlMs);
    expect(calls).toHaveLength(1);
    expect(told).toEqual([]);
    await clock.advance(100);
    expect(told).toEqual([{ coupon, replayed: false }]);
    expect(calls[1]).toMatchObject({ units: 7, announcement: '5' });
    expect(calls[1]?.batchId).toBe(calls[0]?.batchId);
  });

  it('counts the wait from the answer to the announcement on, however long that took', async () => {
    const clock = new FixedClock();
    const calledAtMs: number[] = [];
    const manage = setup(
      {
        addStock: async () => {
          calledAtMs.push(clock.nowMs());
          if (calledAtMs.length > 1) return { coupon, replayed: false };
          await clock.sleep(2000);
          return { announcement: '5' };
        },
      },
      { clock },
    );
    const added = manage.addStock({ name: 'LAUNCH', units: 1, idempotencyKey: undefined });
    await clock.advance(2000 + snapshotTtlMs);
    expect(calledAtMs).toEqual([0]);
    await clock.advance(100);
    await added;
    expect(calledAtMs).toHaveLength(2);
  });

  it('announces it again, and waits again, when others were faster and all is gone once more', async () => {
    const { clock, calls, told, add } = adding(['5', '7', '9']);
    await add();
    await clock.advance(10_000);
    expect(told).toEqual([{ coupon, replayed: false }]);
    expect(calls.map(({ announcement }) => announcement)).toEqual([undefined, '5', '7', '9']);
    for (const [index, { atMs }] of calls.slice(1).entries()) {
      expect(atMs - (calls[index]?.atMs ?? 0)).toBeGreaterThan(snapshotTtlMs);
    }
  });

  it('gives up with nothing added when that goes on for ten seconds', async () => {
    const { clock, calls, told, add } = adding(Array.from({ length: 1000 }, (_, i) => `${i}`));
    await add();
    await clock.advance(10_000);
    expect(told).toMatchObject([{ code: 'unavailable' }]);
    expect(calls.at(-1)?.atMs).toBeLessThanOrEqual(10_000);
    expect(clock.pending).toBe(0);
  });

  it('ends at once, with nothing added, when the service ends', async () => {
    const { clock, ending, calls, told, add } = adding(['5']);
    await add();
    ending.abort();
    await settled();
    expect(told).toMatchObject([{ code: 'unavailable', detail: 'the service is stopping' }]);
    expect(calls).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('tells what the second call found as it would tell it of the first', async () => {
    const clock = new FixedClock();
    const answers = [{ announcement: '5' }, { coupon, replayed: true }];
    const manage = setup(
      { addStock: async () => answers.shift() as { coupon: typeof coupon; replayed: boolean } },
      { clock },
    );
    const added = manage.addStock({ name: 'LAUNCH', units: 1, idempotencyKey: 'one intent' });
    await clock.advance(1000);
    expect(await added).toEqual({ coupon, replayed: true });
  });

  it('is refused when another number of units was added under its key meanwhile', async () => {
    const clock = new FixedClock();
    const answers = [{ announcement: '5' }, 'idempotency_key_reused'] as const;
    let calls = 0;
    const addStock: CouponStore['addStock'] = async () => {
      calls += 1;
      return answers[calls - 1] ?? Promise.reject(new Error('not asked for'));
    };
    const added = setup({ addStock }, { clock })
      .addStock({ name: 'LAUNCH', units: 1, idempotencyKey: 'one intent' })
      .catch((error: unknown) => error);
    await clock.advance(1000);
    expect(await added).toMatchObject({ code: 'idempotency_key_reused' });
    expect(calls).toBe(2);
  });
});
