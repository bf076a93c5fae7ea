// SPDX-License-Identifier: GPL-3.0-or-later
import type { Database } from '../database.ts';
import { runForDuty } from '../duties/run-for-duty.ts';
import { statement } from '../statements.ts';

const listCouponSagas = statement('list-coupon-sagas');

/** The names of the sagas that the newest coupons have, of at most this many coupons. */
export async function readCouponSagas(database: Database, couponsMax: number): Promise<string[]> {
  const rows = await runForDuty<{ saga: string }>(database, listCouponSagas, [couponsMax]);
  return rows.map(({ saga }) => saga);
}
