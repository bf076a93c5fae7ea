// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimCoupon } from './claims/claim-coupon.ts';
import type { ReadClaims } from './claims/read-claims.ts';
import type { ManageCoupon } from './coupons/manage-coupon.ts';
import type { ReadCoupons } from './coupons/read-coupons.ts';
import { AppError } from './errors.ts';

/** Why nothing is decided or read while the database is not the one that the process was started on. */
export const otherInstallationText =
  'the database is not the one that the service was started on: it was replaced or restored';

/** Tells whether the database is still the one that the process was started on. */
export type InstallationState = { readonly isOther: boolean };

type UseCases = {
  claimCoupon: ClaimCoupon;
  readCoupons: ReadCoupons;
  manageCoupon: ManageCoupon;
  readClaims: ReadClaims;
};

/**
 * The use cases, each of which rejects with `unavailable` while the database is another one: a decision there would
 * sell units a second time, and a read would deny claims that were acknowledged.
 */
export function onSameInstallation(state: InstallationState, useCases: UseCases): UseCases {
  const guard =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    (...args: Args): Promise<Result> =>
      state.isOther ? Promise.reject(isOther()) : call(...args);
  const { claimCoupon, readCoupons, manageCoupon, readClaims } = useCases;
  return {
    // By itself, since it is on the path of every claim.
    claimCoupon: (command) => (state.isOther ? Promise.reject(isOther()) : claimCoupon(command)),
    readCoupons: { read: guard(readCoupons.read), list: guard(readCoupons.list) },
    manageCoupon: {
      create: guard(manageCoupon.create),
      change: guard(manageCoupon.change),
      addStock: guard(manageCoupon.addStock),
    },
    readClaims: {
      find: guard(readClaims.find),
      list: guard(readClaims.list),
      exportAll: guard(readClaims.exportAll),
    },
  };
}

function isOther(): AppError {
  return new AppError('unavailable', { detail: otherInstallationText });
}
