// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, settled } from '../../../test/support/fixed-clock.ts';
import { numbered, ScriptedClaimStore } from '../../../test/support/scripted-claim-store.ts';
import { claimCouponWith } from './claim-coupon.ts';
import { ClaimLanes } from './claim-lanes.ts';
import { KnownCoupons } from './known-coupons.ts';

function setup(limits: { namesMax?: number; waitingMax?: number } = {}) {
  const store = new ScriptedClaimStore();
  const known = new KnownCoupons({ store, namesMax: 100, waitingMax: 100, ...limits });
  return { store, known };
}

describe('the names of coupons', () => {
  it('that are found are remembered, and not looked up again by who asks first', async () => {
    const { store, known } = setup();
    store.coupons.add('LAUNCH');
    expect(known.has('LAUNCH')).toBe(false);
    expect(await known.find('LAUNCH')).toBe(true);
    expect(known.has('LAUNCH')).toBe(true);
  });

  it('that are not found are not remembered, so that a coupon works from its creation on', async () => {
    const { store, known } = setup();
    expect(await known.find('LAUNCH')).toBe(false);
    expect(known.has('LAUNCH')).toBe(false);
    store.coupons.add('LAUNCH');
    expect(await known.find('LAUNCH')).toBe(true);
  });

  it('are looked up together, at most 500 at a time', async () => {
    const { store, known } = setup({ waitingMax: 2_000 });
    await Promise.all(Array.from({ length: 1_101 }, (_, index) => known.find(`name-${index}`)));
    expect(store.lookUps.map((names) => names.length)).toEqual([1, 500, 500, 100]);
  });

  it('are remembered up to a bound; the longest remembered gives way', async () => {
    const { store, known } = setup({ namesMax: 2 });
    for (const name of ['a', 'b', 'a', 'c']) {
      store.coupons.add(name);
      await known.find(name);
    }
    expect(['a', 'b', 'c'].filter((name) => known.has(name))).toEqual(['b', 'c']);
  });

  it('can be forgotten', async () => {
    const { store, known } = setup();
    store.coupons.add('LAUNCH');
    await known.find('LAUNCH');
    known.forget('LAUNCH');
    expect(known.has('LAUNCH')).toBe(false);
  });

  it('can be forgotten all at once, those that are being looked up as well', async () => {
    const { store, known } = setup();
    for (const name of ['a', 'b']) store.coupons.add(name);
    await known.find('a');
    const finding = known.find('b');
    known.forgetAll();
    expect(await finding).toBe(true);
    expect(['a', 'b'].filter((name) => known.has(name))).toEqual([]);
    await known.find('b');
    expect(known.has('b')).toBe(true);
  });

  it('keep as many claims waiting as allowed, and one more hears that it is too many', async () => {
    const { known } = setup({ waitingMax: 2 });
    const answers = await Promise.allSettled([known.find('a'), known.find('b'), known.find('c')]);
    expect(answers).toMatchObject([
      { value: false },
      { value: false },
      { reason: { code: 'overloaded' } },
    ]);
  });
});

describe('claiming', () => {
  function claiming() {
    const { store, known } = setup();
    const lanes = new ClaimLanes({
      store,
      clock: new FixedClock(),
      limits: {
        ...{ batchMax: 10, commitsUnderWayMax: 4, laneWaitingMax: 10, waitMaxMs: 1_000 },
        ...{ lanesMax: 10, waitingMax: 10, timeoutMs: 1_000 },
      },
      metrics: {
        ...{ answered: () => undefined, shed: () => undefined, batchDecided: () => undefined },
        ...{ batchUnknown: () => undefined, batchResolved: () => undefined },
      },
      log: { warn: () => undefined },
      newBatchId: () => 'batch',
      soldOut: () => undefined,
      couponGone: (name) => known.forget(name),
    });
    const claimCoupon = claimCouponWith({
      knownCoupons: known,
      lanes,
      newClaimId: numbered('claim-'),
    });
    const claim = (couponName: string, userId = 'ada') =>
      claimCoupon({ couponName, userId, idempotencyKey: 'one intent' });
    return { store, known, lanes, claim };
  }

  it('a coupon that does not exist says so, and opens no lane', async () => {
    const { store, lanes, claim } = claiming();
    expect(await claim('nowhere')).toEqual({ outcome: 'coupon_not_found' });
    expect(store.sent).toEqual([]);
    expect(lanes.depth()).toMatchObject({ lanes: 0 });
  });

  it('a coupon looks its name up once, and gives each claim an id of its own', async () => {
    const { store, claim } = claiming();
    store.coupons.add('LAUNCH');
    const first = claim('LAUNCH');
    await expect.poll(() => store.sent.length).toBe(1);
    await store.decide(0);
    await first;
    const second = claim('LAUNCH');
    await store.decide(1);
    await second;
    expect(store.lookUps.length).toBe(1);
    expect(store.sent.flatMap(({ attempts }) => attempts)).toEqual(
      ['claim-1', 'claim-2'].map((claimId) => ({
        ...{ couponName: 'LAUNCH', userId: 'ada', idempotencyKey: 'one intent', claimId },
      })),
    );
  });

  it('a coupon that nobody has claimed yet keeps the order in which the claims came', async () => {
    const { store, claim } = claiming();
    const ends: (() => void)[] = [];
    store.findCouponNames = (names) =>
      new Promise((resolve) => ends.push(() => resolve(new Set(names))));
    void claim('LAUNCH', 'first');
    void claim('LAUNCH', 'while the name is looked up');
    ends[0]?.();
    await settled();
    void claim('LAUNCH', 'when it is known');
    ends[1]?.();
    await settled();
    await store.decide(0);
    expect(store.users.flat()).toEqual([
      ...['first', 'while the name is looked up', 'when it is known'],
    ]);
  });

  it('a coupon that is gone forgets its name, so that the next claim looks it up again', async () => {
    const { store, known, claim } = claiming();
    store.coupons.add('LAUNCH');
    await known.find('LAUNCH');
    const answer = claim('LAUNCH');
    await store.answer(0, {
      ...{ kind: 'decided', commitSeconds: 0, outcomes: [{ outcome: 'coupon_not_found' }] },
    });
    expect(await answer).toEqual({ outcome: 'coupon_not_found' });
    expect(known.has('LAUNCH')).toBe(false);
  });
});
