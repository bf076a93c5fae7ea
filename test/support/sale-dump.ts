// SPDX-License-Identifier: GPL-3.0-or-later
/** A model of a sale as the dump of its tables. Its times count from the start of 2030. */
import type { Dump, DumpedClaim, DumpedCoupon, DumpedLedgerRow } from '../../src/proof/dump.ts';
import type { CouponModel, ModelClaim, SaleModel } from './sale-model.ts';

const startMs = Date.UTC(2030, 0, 1);

/** A time of the model in the format of the database. */
export function timeAt(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const text = new Date(startMs + Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${text}${String(micros % 1000).padStart(3, '0')}Z`;
}

/** The tables of the sale at a moment. Coupons have their ids in order of creation. */
export function dumpOf(sale: SaleModel, ms: number): Dump {
  const coupons = [...sale.coupons].map(([name, coupon], index) => ({
    ...{ id: String(index + 1), name, coupon },
  }));
  return {
    ...{ dump: 'firstcome', version: 1, taken_at: timeAt(ms) },
    coupons: coupons.map(toCoupon),
    claims: coupons.flatMap(({ id, coupon }) => coupon.claims.map((claim) => toClaim(id, claim))),
    ledger: coupons.flatMap(({ id, coupon }) => toLedger(id, coupon)),
  };
}

function toCoupon(named: { id: string; name: string; coupon: CouponModel }): DumpedCoupon {
  const { id, name, coupon } = named;
  const { opensMs, closesMs } = coupon.window;
  const lastMs = coupon.ledger.at(-1)?.recordedMs ?? coupon.createdMs;
  return {
    ...{ id, name, amount: coupon.amount, remaining_amount: coupon.remaining },
    opens_at: opensMs === undefined ? null : timeAt(opensMs),
    closes_at: closesMs === undefined ? null : timeAt(closesMs),
    ...{ paused: coupon.paused, ledger_seq: String(coupon.ledger.length) },
    ...{ decided_at: timeAt(lastMs), created_at: timeAt(coupon.createdMs) },
  };
}

function toClaim(couponId: string, claim: ModelClaim): DumpedClaim {
  return {
    ...{ coupon_id: couponId, user_id: claim.userId, position: claim.position },
    ...{ claim_id: claim.claimId, claimed_at: timeAt(claim.claimedMs) },
    idempotency_key: claim.idempotencyKey ?? null,
  };
}

function toLedger(couponId: string, { ledger }: CouponModel): DumpedLedgerRow[] {
  return ledger.map((row, index) => ({
    ...{ coupon_id: couponId, seq: String(index + 1), batch_id: row.batchId, kind: row.kind },
    ...{ units: row.units, first_position: row.firstPosition ?? null },
    ...{ remaining_after: row.remaining, recorded_at: timeAt(row.recordedMs) },
  }));
}
