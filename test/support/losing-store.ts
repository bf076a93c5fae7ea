// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimStore, MultiCouponAnswer } from '../../src/core/claims/ports.ts';

/**
 * The real store, with answers that are lost by chance: before the batch arrives, after its commit, or of a resolution.
 * `onMultiCoupon` gets what the engine is answered to a multi-coupon batch.
 */
export function losing(
  store: ClaimStore,
  chance: number,
  random: () => number,
  onMultiCoupon: (answer: MultiCouponAnswer | 'lost') => void = () => undefined,
): ClaimStore {
  const isLost = () => random() < chance;
  const lost = { kind: 'unknown', cause: new Error('lost') } as const;
  return {
    findCouponNames: (names) => store.findCouponNames(names),
    async decideBatch(batch) {
      if (isLost()) return lost;
      const answer = await store.decideBatch(batch);
      return isLost() ? lost : answer;
    },
    async claimMultiCoupon(batches) {
      const isLostBefore = isLost();
      const answer = isLostBefore ? lost : await store.claimMultiCoupon(batches);
      const isLostAfter = isLostBefore || isLost();
      onMultiCoupon(isLostAfter ? 'lost' : answer);
      return isLostAfter ? lost : answer;
    },
    async resolveBatch(couponName, batchId) {
      if (isLost()) throw new Error('lost');
      const resolution = await store.resolveBatch(couponName, batchId);
      if (isLost()) throw new Error('lost');
      return resolution;
    },
  };
}
