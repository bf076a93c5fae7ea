// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { scriptedLanes as setup } from '../../../test/support/scripted-lanes.ts';

describe('a committed batch', () => {
  it('is reported as a change of its coupon, once, when it has claimed or changed something', async () => {
    const { claim, change, changed, store } = setup();
    claim('ab', 'one');
    await store.decide(0);
    await store.decide(1);
    expect(changed).toEqual(['one', 'one']);
    change('confirm', 'a');
    await store.decide(2);
    expect(changed).toEqual(['one', 'one', 'LAUNCH']);
  });

  it('is not reported when it has refused everything, nor is one that was refused as a whole', async () => {
    const { claim, changed, store } = setup();
    claim('a');
    await store.answer(0, {
      ...{ kind: 'decided', outcomes: [{ outcome: 'sold_out' }], commitSeconds: 0.001 },
    });
    claim('b');
    await store.refuse(1, 'refused');
    expect(changed).toEqual([]);
  });

  it.each(['committed', 'void'] as const)(
    'is reported when its answer was lost and it is resolved as %s',
    async (resolution) => {
      const { claim, changed, store } = setup();
      claim('a');
      await store.loseAnswer(0);
      expect(changed).toEqual([]);
      await store.resolve(0, resolution);
      expect(changed).toEqual(['LAUNCH']);
    },
  );

  it('of several coupons is reported for each coupon that it has changed', async () => {
    const { claim, changed, clock, store } = setup();
    const endTurn = clock.holdTurn();
    claim('a', 'one');
    claim('b', 'two');
    claim('c', 'three');
    endTurn();
    await store.decideMultiCoupon(0, 'ac');
    expect(changed).toEqual(['one', 'three']);
  });
});
