// SPDX-License-Identifier: GPL-3.0-or-later
import type { CountClaims } from '../../core/claims/count-claims.ts';
import type { Database } from './database.ts';
import { throwAsReadError } from './errors/app-error.ts';
import { statement } from './statements.ts';

const countClaims = statement('count-claims');

type CountRow = {
  live: number;
  released: number;
  reserved: number;
  redeemed: number;
  at_ms: number;
};

/** Counts the claims of a coupon in PostgreSQL. */
export function postgresClaimCounts(database: Database): CountClaims {
  return async (couponName) => {
    const [row] = await database.run<CountRow>(countClaims, [couponName]).catch(throwAsReadError);
    if (row === undefined) return undefined;
    const { live, reserved, redeemed, released, at_ms: atMs } = row;
    return { reserved, confirmed: live - reserved - redeemed, redeemed, released, atMs };
  };
}
