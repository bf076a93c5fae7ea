// SPDX-License-Identifier: GPL-3.0-or-later
import {
  type Coupon,
  type CouponState,
  type CouponWithHolders,
  holdersMax,
} from '../../core/coupons/coupon.ts';
import type { CouponStore } from '../../core/coupons/ports.ts';
import type { Database } from './database.ts';
import { throwAsReadError, throwAsWriteError } from './errors/app-error.ts';
import { DatabaseFault } from './errors/pg-error.ts';
import { statement } from './statements.ts';

type CouponRow = {
  id: string;
  name: string;
  amount: number;
  remaining_amount: number;
  opens_at: string | null;
  closes_at: string | null;
  paused: boolean;
  state: CouponState;
};

type CouponWithHoldersRow = CouponRow & { holders: string[] };

type AddStockRow =
  | (CouponWithHoldersRow & { outcome: 'added' | 'replayed' })
  | { outcome: 'announced'; announced_seq: string }
  | { outcome: 'too_much' }
  | { outcome: 'key_reused' };

const createCoupon = statement('create-coupon');
const changeCoupon = statement('change-coupon');
const addStock = statement('add-stock');
const readCoupons = statement('read-coupons');
const listCoupons = statement('list-coupons');

/** Keeps coupons in PostgreSQL. */
export function postgresCouponStore(database: Database): CouponStore {
  return {
    async createCoupon({ name, amount, opensAt, closesAt, batchId }) {
      const [row] = await database
        .run<CouponRow>(createCoupon, [name, amount, opensAt, closesAt, batchId])
        .catch(throwAsWriteError);
      return row === undefined ? 'coupon_exists' : { ...toCoupon(row), holders: [] };
    },

    async changeCoupon(name, { opensAt, closesAt, paused }) {
      try {
        const [row] = await database.run<CouponWithHoldersRow>(changeCoupon, [
          name,
          opensAt !== undefined,
          opensAt ?? null,
          closesAt !== undefined,
          closesAt ?? null,
          paused ?? null,
          holdersMax,
        ]);
        return row === undefined ? 'coupon_not_found' : toCouponWithHolders(row);
      } catch (error) {
        if (error instanceof DatabaseFault && error.constraint === 'coupons_window_order') {
          return 'window_ends_before_it_begins';
        }
        return throwAsWriteError(error);
      }
    },

    async addStock({ name, units, batchId, announcement }) {
      const [row] = await database
        .run<AddStockRow>(addStock, [name, units, batchId, announcement ?? null, holdersMax])
        .catch(throwAsWriteError);
      if (row === undefined) return 'coupon_not_found';
      if (row.outcome === 'too_much') return row.outcome;
      if (row.outcome === 'key_reused') return 'idempotency_key_reused';
      if (row.outcome === 'announced') return { announcement: row.announced_seq };
      return { coupon: toCouponWithHolders(row), replayed: row.outcome === 'replayed' };
    },

    async readCoupons(names) {
      const rows = await database
        .run<CouponWithHoldersRow>(readCoupons, [names, holdersMax])
        .catch(throwAsReadError);
      return new Map(rows.map((row) => [row.name, toCouponWithHolders(row)]));
    },

    async listCoupons({ afterId, limit }) {
      const rows = await database
        .run<CouponRow>(listCoupons, [afterId, limit + 1])
        .catch(throwAsReadError);
      return { coupons: rows.slice(0, limit).map(toCoupon), more: rows.length > limit };
    },
  };
}

function toCoupon(row: CouponRow): Coupon {
  return {
    id: row.id,
    name: row.name,
    amount: row.amount,
    remainingAmount: row.remaining_amount,
    state: row.state,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    paused: row.paused,
  };
}

function toCouponWithHolders(row: CouponWithHoldersRow): CouponWithHolders {
  return { ...toCoupon(row), holders: row.holders };
}
