// SPDX-License-Identifier: GPL-3.0-or-later
import type { Evidence, Sale } from './evidence.ts';
import type { RecordedHistory } from './recorded-history.ts';
import { hasWindowAsRequested } from './rules/window.ts';
import { microseconds } from './times.ts';

/** Units of coupons that the history created. */
export type ReachableUnits = {
  units: number;
  /** How many claims of them succeeded. */
  claims: number;
  /** Whether they are all units of these coupons. */
  areAll: boolean;
};

/**
 * The units that every run can sell, however slow the service is: those that were on sale from the creation on. Units
 * behind a sale window, of a coupon that was changed or paused, or that were added later are not among them. If no
 * others exist, all units count: a run that sold few of them proves little.
 */
export function reachableUnits({ history, sales, dump }: Evidence): ReachableUnits {
  const own = sales.filter(({ isForeign }) => !isForeign);
  const isOnSale = (sale: Sale) => isOnSaleThroughout(history, sale, dump.taken_at);
  const always = own.map((sale) => sold(history, sale, isOnSale(sale) ? unitsAtFirst(sale) : 0));
  const all = own.map((sale) => sold(history, sale, sale.coupon?.amount ?? 0));
  const [reachable, total] = [sum(always), sum(all)];
  return reachable.units === 0 || reachable.units === total.units
    ? { ...total, areAll: true }
    : { ...reachable, areAll: false };
}

/** The claims of later units do not count, so that they cannot stand for claims of other coupons. */
function sold(history: RecordedHistory, { coupon, ops }: Sale, units: number) {
  const claims = ops.filter((op) => history.operation(op) === 'claim' && history.type(op) === 'ok');
  const areAll = units === coupon?.amount;
  return { units, claims: areAll ? claims.length : Math.min(claims.length, units) };
}

function isOnSaleThroughout(history: RecordedHistory, sale: Sale, takenAt: string): boolean {
  const { coupon } = sale;
  if (coupon === undefined || !hasWindowAsRequested(history, sale)) return false;
  const { opens_at: opensAt, closes_at: closesAt, created_at: createdAt } = coupon;
  const opensAtOnce = opensAt === null || microseconds(opensAt) <= microseconds(createdAt);
  return opensAtOnce && (closesAt === null || microseconds(closesAt) > microseconds(takenAt));
}

function unitsAtFirst({ coupon, ledger }: Sale): number {
  return ledger.find(({ kind }) => kind === 'grant')?.units ?? coupon?.amount ?? 0;
}

function sum(sales: readonly { units: number; claims: number }[]) {
  return sales.reduce(
    (total, { units, claims }) => ({ units: total.units + units, claims: total.claims + claims }),
    { units: 0, claims: 0 },
  );
}
