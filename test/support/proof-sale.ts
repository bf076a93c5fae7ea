// SPDX-License-Identifier: GPL-3.0-or-later
/** A simple sale in memory that decides one claim at a time, and keeps the tables that a real one would have. */
import type { Dump, DumpedClaim, DumpedCoupon, DumpedLedgerRow } from '../../src/proof/dump.ts';

export type ClaimRequest = { user: string; key?: string | undefined; claimId: string };

export type Decision = { outcome: string; claim?: DumpedClaim; opensInSeconds?: number };

export type Window = { opensMs?: number | undefined; closesMs?: number | undefined };

type ModelCoupon = {
  row: DumpedCoupon;
  claims: DumpedClaim[];
  byUser: Map<string, DumpedClaim>;
  ledger: DumpedLedgerRow[];
  addKeys: Set<string>;
  window: Window;
  /** When units were last added to sold out stock. */
  soldOutUntilMs: number;
};

const startMs = Date.UTC(2030, 0, 1);

/** A time of the model in the format of the database. */
export function timeAt(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const text = new Date(startMs + Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${text}${String(micros % 1000).padStart(3, '0')}Z`;
}

export class ModelSale {
  readonly coupons = new Map<string, ModelCoupon>();
  #ids = 0;

  newId(): string {
    this.#ids += 1;
    return `00000000-0000-7000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
  }

  coupon(name: string): ModelCoupon {
    const coupon = this.coupons.get(name);
    if (coupon === undefined) throw new Error(`no coupon ${name}`);
    return coupon;
  }

  create(name: string, units: number, ms: number, window: Window = {}): void {
    const toTime = (at: number | undefined) => (at === undefined ? null : timeAt(at));
    const row: DumpedCoupon = {
      id: String(this.coupons.size + 1),
      name,
      amount: units,
      remaining_amount: units,
      opens_at: toTime(window.opensMs),
      closes_at: toTime(window.closesMs),
      paused: false,
      ledger_seq: '0',
      decided_at: timeAt(ms),
      created_at: timeAt(ms),
    };
    this.coupons.set(name, {
      row,
      claims: [],
      byUser: new Map(),
      ledger: [],
      addKeys: new Set(),
      window,
      soldOutUntilMs: Number.NEGATIVE_INFINITY,
    });
    this.#record(name, { kind: 'grant', units, first: null, ms });
  }

  /** Decides a batch in order. */
  decide(name: string, requests: readonly ClaimRequest[], ms: number): Decision[] {
    const coupon = this.coupon(name);
    const { row, claims, window } = coupon;
    const taken = claims.length;
    const decisions = requests.map(({ user, key, claimId }): Decision => {
      const held = coupon.byUser.get(user);
      if (held !== undefined) {
        const isReplay = held.idempotency_key !== null && held.idempotency_key === key;
        return { outcome: isReplay ? 'replayed' : 'already_claimed', claim: held };
      }
      if (window.opensMs !== undefined && ms < window.opensMs) {
        return { outcome: 'not_open', opensInSeconds: Math.ceil((window.opensMs - ms) / 1000) };
      }
      if (window.closesMs !== undefined && ms >= window.closesMs) return { outcome: 'closed' };
      if (row.remaining_amount === 0) return { outcome: 'sold_out' };
      const claim: DumpedClaim = {
        coupon_id: row.id,
        user_id: user,
        position: claims.length + 1,
        claim_id: claimId,
        claimed_at: timeAt(ms),
        idempotency_key: key ?? null,
      };
      row.remaining_amount -= 1;
      claims.push(claim);
      coupon.byUser.set(user, claim);
      return { outcome: 'claimed', claim };
    });
    const won = claims.length - taken;
    if (won > 0) this.#record(name, { kind: 'claimed', units: won, first: taken + 1, ms });
    return decisions;
  }

  /** Adds units, once for each key. */
  addStock(
    name: string,
    { units, key, ms }: { units: number; key?: string | undefined; ms: number },
  ) {
    const coupon = this.coupon(name);
    if (key !== undefined && coupon.addKeys.has(key)) return;
    if (key !== undefined) coupon.addKeys.add(key);
    if (coupon.row.remaining_amount === 0) coupon.soldOutUntilMs = ms;
    coupon.row.amount += units;
    coupon.row.remaining_amount += units;
    this.#record(name, { kind: 'stock_added', units, first: null, ms });
  }

  voidBatch(name: string, ms: number): void {
    this.#record(name, { kind: 'void', units: 0, first: null, ms });
  }

  dump(ms: number): Dump {
    const coupons = [...this.coupons.values()];
    return structuredClone({
      dump: 'firstcome' as const,
      version: 1 as const,
      taken_at: timeAt(ms),
      coupons: coupons.map(({ row }) => row),
      claims: coupons.flatMap(({ claims }) => claims),
      ledger: coupons.flatMap(({ ledger }) => ledger),
    });
  }

  #record(
    name: string,
    change: { kind: string; units: number; first: number | null; ms: number },
  ): void {
    const { row, ledger } = this.coupon(name);
    row.ledger_seq = String(ledger.length + 1);
    row.decided_at = timeAt(change.ms);
    ledger.push({
      coupon_id: row.id,
      seq: row.ledger_seq,
      batch_id: this.newId(),
      kind: change.kind,
      units: change.units,
      first_position: change.first,
      remaining_after: row.remaining_amount,
      recorded_at: timeAt(change.ms),
    });
  }
}
