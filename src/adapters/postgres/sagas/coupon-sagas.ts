// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import { statement } from '../statements.ts';

const listCouponSagas = statement('list-coupon-sagas');

/** The names of the sagas that the newest coupons have, of at most this many coupons. A start needs it in any case. */
export async function readCouponSagas(database: Database, couponsMax: number): Promise<string[]> {
  const rows = await database.probe<{ saga: string }>(listCouponSagas, [couponsMax]);
  return rows.map(({ saga }) => saga);
}
