// SPDX-License-Identifier: GPL-3.0-or-later
import { type CouponWithHolders, couponDefaults, holdersMax } from '../../core/coupons/coupon.ts';
import type { CouponChange, CouponStore } from '../../core/coupons/ports.ts';
import { type CouponRow, toCoupon } from './coupon-rows.ts';
import type { Database } from './database.ts';
import { throwAsReadError, throwAsWriteError } from './errors/app-error.ts';
import { DatabaseFault } from './errors/pg-error.ts';
import { repeatLostWrite } from './repeat-lost-write.ts';
import { statement } from './statements.ts';

type CreateRow = (CouponRow & { outcome: 'created' }) | { outcome: 'not_finished' };

type ListedRow = CouponRow & { walked_to: string | null };

type CouponWithHoldersRow = CouponRow & { holders: string[] };

type AddStockRow =
  | (CouponWithHoldersRow & { outcome: 'added' | 'replayed' })
  | { outcome: 'announced'; announced_seq: string }
  | { outcome: 'too_much' }
  | { outcome: 'key_reused' };

const createCoupon = statement('create-coupon');
const changeCoupon = statement('change-coupon');
const addStock = statement('add-stock');
const findGrant = statement('find-grant');
const findCouponChange = statement('find-coupon-change');
const readCoupons = statement('read-coupons');
const listCoupons = {
  oldest: { statement: statement('list-coupons'), start: '0' },
  newest: { statement: statement('list-newest-coupons'), start: '9223372036854775807' },
};

/** Refuse a window that ends before it begins; the second one, that of an archived coupon. */
const windowOrder: ReadonlySet<string> = new Set([
  'coupons_window_order',
  'coupons_kept_window_order',
]);

/** Keeps coupons in PostgreSQL. */
export function postgresCouponStore(database: Database): CouponStore {
  const read = async (names: readonly string[]) => {
    const rows = await database.run<CouponWithHoldersRow>(readCoupons, [names, holdersMax]);
    return new Map(rows.map((row) => [row.name, toCouponWithHolders(row)]));
  };

  /** The coupon, if it is this creation that has made it. */
  const findCreated = async ({ name, batchId }: { name: string; batchId: string }) => {
    const grants = await database.run(findGrant, [batchId]);
    return grants.length === 0 ? undefined : (await read([name])).get(name);
  };

  /** The coupon as it is now, if this request has changed it. */
  const findChanged = async (name: string, requestId: string) => {
    const changes = await database.run(findCouponChange, [requestId]);
    return changes.length === 0 ? undefined : (await read([name])).get(name);
  };

  return {
    async createCoupon(coupon, { actor, requestId }) {
      const values = [
        ...[coupon.name, coupon.amount, coupon.opensAt, coupon.closesAt, coupon.batchId],
        coupon.holdSeconds ?? couponDefaults.holdSeconds,
        coupon.claimsPerUserMax ?? couponDefaults.claimsPerUserMax,
        coupon.saga ?? couponDefaults.saga,
        coupon.stockLowAt ?? couponDefaults.stockLowAt,
        coupon.title ?? couponDefaults.title,
        coupon.description ?? couponDefaults.description,
        coupon.pauseReason ?? couponDefaults.pauseReason,
        ...[actor, requestId],
      ];
      const create = async (isRepeat: boolean) => {
        const [row] = await database.run<CreateRow>(createCoupon, values);
        if (row?.outcome === 'not_finished') return row.outcome;
        if (row !== undefined) return { ...toCoupon(row), holders: [] };
        return (isRepeat ? await findCreated(coupon) : undefined) ?? 'coupon_exists';
      };
      return await repeatLostWrite(database, { mayRepeat: 'always' }, create).catch(
        throwAsWriteError,
      );
    },

    async changeCoupon(name, change, { actor, requestId }) {
      const values = [name, toChangeJson(change), actor, requestId, holdersMax];
      const makeChange = async () => {
        const [row] = await database.run<CouponWithHoldersRow>(changeCoupon, values);
        return row === undefined ? 'coupon_not_found' : toCouponWithHolders(row);
      };
      try {
        // Without an id nothing shows whether the change is stored. To make it again could undo what others have done since.
        if (requestId === null) return await makeChange();
        return await repeatLostWrite(database, { mayRepeat: 'when_ended' }, async (isRepeat) => {
          return (isRepeat ? await findChanged(name, requestId) : undefined) ?? makeChange();
        });
      } catch (error) {
        if (error instanceof DatabaseFault && windowOrder.has(error.constraint ?? '')) {
          return 'window_ends_before_it_begins';
        }
        return throwAsWriteError(error);
      }
    },

    async addStock({ name, units, batchId, announcement }, { actor, requestId }) {
      const values = [name, units, batchId, announcement ?? null, actor, requestId, holdersMax];
      const [row] = await repeatLostWrite(database, { mayRepeat: 'always' }, () =>
        database.run<AddStockRow>(addStock, values),
      ).catch(throwAsWriteError);
      if (row === undefined) return 'coupon_not_found';
      if (row.outcome === 'too_much') return row.outcome;
      if (row.outcome === 'key_reused') return 'idempotency_key_reused';
      if (row.outcome === 'announced') return { announcement: row.announced_seq };
      return { coupon: toCouponWithHolders(row), replayed: row.outcome === 'replayed' };
    },

    readCoupons: (names) => read(names).catch(throwAsReadError),

    async listCoupons({ cursor, limit, order, archived, state, namePrefix, walkMax }) {
      const { statement, start } = listCoupons[order];
      const values = [cursor ?? start, walkMax, archived, state ?? null, namePrefix ?? null, limit];
      const rows = await database.run<ListedRow>(statement, values).catch(throwAsReadError);
      const found = rows.filter(({ id }) => id !== null);
      const coupons = found.slice(0, limit).map(toCoupon);
      const next = found.length > limit ? coupons.at(-1)?.id : rows[0]?.walked_to;
      return { coupons, next: next ?? null };
    },
  };
}

/** The members to change; JSON leaves out those that are undefined. */
function toChangeJson(change: CouponChange): string {
  return JSON.stringify({
    opens_at: change.opensAt,
    closes_at: change.closesAt,
    paused: change.paused,
    archived: change.archived,
    title: change.title,
    description: change.description,
    pause_reason: change.pauseReason,
  });
}

function toCouponWithHolders(row: CouponWithHoldersRow): CouponWithHolders {
  return { ...toCoupon(row), holders: row.holders };
}
