// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChangeCouponArguments, Coupon } from '../../client.ts';
import { service } from '../service.ts';
import { differences } from './differences.ts';
import type { WriteCall } from './use-write.ts';

/** A change of a coupon. The operation has no key, so a lost answer is found by a read. */
export function changeCall(change: ChangeCouponArguments): WriteCall<Coupon> {
  return {
    send: () => service.changeCoupon(change),
    find: async () => {
      const read = await service.readCoupon({ name: change.name });
      if (read.outcome !== 'ok') return read;
      return { ...read, value: { value: read.value, differs: differences(change, read.value) } };
    },
  };
}
