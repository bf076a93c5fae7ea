// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { FixedClock, flushPromises } from '../../../test/support/fixed-clock.ts';
import { aCommand, ScriptedClaimStore } from '../../../test/support/scripted-claim-store.ts';
import type { ClaimCommand, ClaimOutcome } from './claim.ts';
import { ClaimLanes } from './claim-lanes.ts';
import { KnownCoupons, withKnownCoupons } from './known-coupons.ts';

function setup(limits: { namesMax?: number; waitingMax?: number } = {}) {
  const store = new ScriptedClaimStore();
  const known = new KnownCoupons({ store, namesMax: 100, waitingMax: 100, ...limits });
  return { store, known };
}

describe('the coupon names cache', () => {
  it('keeps a name that is found', async () => {
    const { store, known } = setup();
    store.coupons.add('LAUNCH');
    expect(known.has('LAUNCH')).toBe(false);
    expect(await known.find('LAUNCH')).toBe(true);
    expect(known.has('LAUNCH')).toBe(true);
  });

  it('keeps no name that is not found, so that a coupon works from its creation on', async () => {
    const { store, known } = setup();
    expect(await known.find('LAUNCH')).toBe(false);
    expect(known.has('LAUNCH')).toBe(false);
    store.coupons.add('LAUNCH');
    expect(await known.find('LAUNCH')).toBe(true);
  });

  it('looks names up together, at most 500 at a time', async () => {
    const { store, known } = setup({ waitingMax: 2_000 });
    await Promise.all(Array.from({ length: 1_101 }, (_, index) => known.find(`name-${index}`)));
    expect(store.lookUps.map((names) => names.length)).toEqual([1, 500, 500, 100]);
  });

  it('keeps namesMax names, and drops the oldest for one more', async () => {
    const { store, known } = setup({ namesMax: 2 });
    for (const name of ['a', 'b', 'a', 'c']) {
      store.coupons.add(name);
      await known.find(name);
    }
    expect(['a', 'b', 'c'].filter((name) => known.has(name))).toEqual(['b', 'c']);
  });

  it('drops a name that is to be forgotten', async () => {
    const { store, known } = setup();
    store.coupons.add('LAUNCH');
    await known.find('LAUNCH');
    known.forget('LAUNCH');
    expect(known.has('LAUNCH')).toBe(false);
  });

  it('drops all names at once, and keeps none of a look-up that is under way', async () => {
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

  it('lets waitingMax claims wait for a look-up, and refuses one more', async () => {
    const { known } = setup({ waitingMax: 2 });
    const answers = await Promise.allSettled([known.find('a'), known.find('b'), known.find('c')]);
    expect(answers).toMatchObject([
      { value: false },
      { value: false },
      { reason: { code: 'overloaded' } },
    ]);
  });
});

describe('claiming with the coupon names cache', () => {
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
      onSoldOut: () => undefined,
      onChanged: () => undefined,
      onCouponNotFound: (name) => known.forget(name),
    });
    const claimCoupon = withKnownCoupons<ClaimCommand, ClaimOutcome>(
      (command) => lanes.claim(command),
      known,
    );
    const claim = (couponName: string, userId = 'ada') => claimCoupon(aCommand(userId, couponName));
    return { store, known, lanes, claim };
  }

  it('refuses a claim of a coupon that does not exist, and opens no lane', async () => {
    const { store, lanes, claim } = claiming();
    expect(await claim('nowhere')).toEqual({ outcome: 'coupon_not_found' });
    expect(store.sent).toEqual([]);
    expect(lanes.depth()).toMatchObject({ lanes: 0 });
  });

  it('looks the name of a coupon up once, and passes each command on unchanged', async () => {
    const { store, claim } = claiming();
    store.coupons.add('LAUNCH');
    const first = claim('LAUNCH');
    await expect.poll(() => store.sent.length).toBeGreaterThanOrEqual(1);
    await store.decide(0);
    await first;
    const second = claim('LAUNCH');
    await store.decide(1);
    await second;
    expect(store.lookUps.length).toBe(1);
    expect(store.sent.flatMap(({ commands }) => commands)).toEqual([
      aCommand('ada', 'LAUNCH'),
      aCommand('ada', 'LAUNCH'),
    ]);
  });

  it('keeps the order of arrival while the name of a coupon is looked up', async () => {
    const { store, claim } = claiming();
    const ends: (() => void)[] = [];
    store.findCouponNames = (names) =>
      new Promise((resolve) => ends.push(() => resolve(new Set(names))));
    void claim('LAUNCH', 'first');
    void claim('LAUNCH', 'during the look-up');
    ends[0]?.();
    await flushPromises();
    void claim('LAUNCH', 'after the look-up');
    ends[1]?.();
    await flushPromises();
    await store.decide(0);
    expect(store.users.flat()).toEqual([...['first', 'during the look-up', 'after the look-up']]);
  });

  it('forgets the name of a coupon that no longer exists, so that the next claim looks it up again', async () => {
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
