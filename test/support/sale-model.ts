// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * How a sale decides, as simply as possible: one claim after the other, without a database. Every test that needs a simulated
 * sale uses this model. Times are milliseconds from a start that the caller chooses.
 */

/** One claim as it is sent. */
export type ClaimRequest = { userId: string; claimId: string; idempotencyKey: string | undefined };

/** A stored claim. */
export type ModelClaim = ClaimRequest & { position: number; claimedMs: number };

/** The outcome of a claim, with the claim that the user has. */
export type Decision = { outcome: string; claim?: ModelClaim; opensInMs?: number };

/** When a sale opens and closes; without limits where undefined. */
export type Window = { opensMs?: number | undefined; closesMs?: number | undefined };

/** A row of the ledger. */
export type ModelLedgerRow = {
  kind: 'grant' | 'stock_added' | 'claimed' | 'void';
  units: number;
  firstPosition: number | undefined;
  remaining: number;
  batchId: string;
  recordedMs: number;
};

type Moment = { batchId: string; ms: number };

/** One coupon with its claims and its ledger. */
export class CouponModel {
  amount: number;
  remaining: number;
  paused = false;
  window: Window = {};
  /** An addition of stock is announced, and none has been made since. */
  announced = false;
  /** When units were last added while none was left. */
  restockedMs = Number.NEGATIVE_INFINITY;
  readonly claims: ModelClaim[] = [];
  readonly claimsByUser = new Map<string, ModelClaim>();
  readonly ledger: ModelLedgerRow[] = [];
  readonly createdMs: number;
  private readonly kinds = new Map<string, ModelLedgerRow['kind']>();

  constructor(amount: number, { batchId, ms }: Moment = { batchId: 'grant', ms: 0 }) {
    this.amount = amount;
    this.remaining = amount;
    this.createdMs = ms;
    this.record('grant', amount, { batchId, ms });
  }

  /** Decides one claim, without a row of the ledger. */
  decide(request: ClaimRequest, ms = 0): Decision {
    const claim = this.claimsByUser.get(request.userId);
    if (claim !== undefined) return { outcome: outcomeOfHolder(claim, request), claim };
    const { opensMs, closesMs } = this.window;
    if (opensMs !== undefined && ms < opensMs) {
      return { outcome: 'not_open', opensInMs: opensMs - ms };
    }
    if (this.paused) return { outcome: 'paused' };
    if (closesMs !== undefined && ms >= closesMs) return { outcome: 'closed' };
    if (this.remaining === 0) return { outcome: 'sold_out' };
    const won: ModelClaim = { ...request, position: this.nextPosition(), claimedMs: ms };
    this.remaining -= 1;
    this.claims.push(won);
    this.claimsByUser.set(won.userId, won);
    return { outcome: 'claimed', claim: won };
  }

  /**
   * Decides the claims of a batch in order. Returns undefined if the batch must be refused: its id is in the ledger already,
   * and it would store something.
   */
  decideBatch(requests: readonly ClaimRequest[], batch: Moment): Decision[] | undefined {
    const firstPosition = this.nextPosition();
    const before = this.remaining;
    const decisions = requests.map((request) => this.decide(request, batch.ms));
    const units = before - this.remaining;
    if (units === 0) return decisions;
    if (this.kinds.has(batch.batchId)) {
      for (const { userId } of this.claims.splice(-units)) this.claimsByUser.delete(userId);
      this.remaining = before;
      return undefined;
    }
    this.record('claimed', units, batch, firstPosition);
    return decisions;
  }

  /**
   * Adds units once per batch id. While no unit is left, only under an announcement that it has returned since units were
   * last added.
   */
  addStock(
    units: number,
    batch: Moment & { announcement?: string | undefined },
  ): 'added' | 'replayed' | { announcement: string } {
    if (this.kinds.has(batch.batchId)) return 'replayed';
    if (this.remaining === 0 && !this.isAnnounced(batch.announcement)) {
      this.announced = true;
      return { announcement: String(this.ledger.length) };
    }
    if (this.remaining === 0) this.restockedMs = batch.ms;
    this.announced = false;
    this.amount += units;
    this.remaining += units;
    this.record('stock_added', units, batch);
    return 'added';
  }

  /** Whether units may be added under this announcement. It is the number of ledger rows that there were. */
  private isAnnounced(announcement: string | undefined): boolean {
    if (!this.announced || announcement === undefined) return false;
    return this.ledger.slice(Number(announcement)).every(({ kind }) => kind !== 'stock_added');
  }

  /** Adds units at one moment, as a caller sees it who does not see the announcement. */
  addStockAtOnce(units: number, batch: Moment): 'added' | 'replayed' {
    const added = this.addStock(units, batch);
    if (typeof added === 'string') return added;
    return this.addStock(units, { ...batch, ...added }) === 'replayed' ? 'replayed' : 'added';
  }

  /** Resolves a batch in doubt. */
  voidBatch(batch: Moment): 'committed' | 'void' {
    const kind = this.kinds.get(batch.batchId);
    if (kind === undefined) this.record('void', 0, batch);
    return kind === 'claimed' ? 'committed' : 'void';
  }

  /** Claims are final and positions have no gaps, so the next position is the number of claims and one. */
  private nextPosition(): number {
    return this.claims.length + 1;
  }

  private record(
    kind: ModelLedgerRow['kind'],
    units: number,
    { batchId, ms }: Moment,
    firstPosition?: number,
  ): void {
    this.ledger.push({
      ...{ kind, units, firstPosition, remaining: this.remaining, batchId, recordedMs: ms },
    });
    this.kinds.set(batchId, kind);
  }
}

/** Coupons by name. Batches get ids of their own. */
export class SaleModel {
  readonly coupons = new Map<string, CouponModel>();
  private readonly stockBatches = new Map<string, string>();
  private ids = 0;

  /** The next id, as a UUID. */
  newId(): string {
    this.ids += 1;
    return `00000000-0000-7000-8000-${this.ids.toString(16).padStart(12, '0')}`;
  }

  /** The coupon of this name, which must exist. */
  coupon(name: string): CouponModel {
    const coupon = this.coupons.get(name);
    if (coupon === undefined) throw new Error(`no coupon ${name}`);
    return coupon;
  }

  create(name: string, amount: number, ms: number, window: Window = {}): CouponModel {
    const coupon = new CouponModel(amount, { batchId: this.newId(), ms });
    coupon.window = window;
    this.coupons.set(name, coupon);
    return coupon;
  }

  /** Decides claims as one batch. */
  decide(name: string, requests: readonly ClaimRequest[], ms: number): Decision[] {
    return this.coupon(name).decideBatch(requests, { batchId: this.newId(), ms }) ?? [];
  }

  /** Adds units at once, once per key. */
  addStock(name: string, addition: { units: number; key?: string | undefined; ms: number }): void {
    const { units, key, ms } = addition;
    const intent = JSON.stringify([name, key]);
    const known = key === undefined ? undefined : this.stockBatches.get(intent);
    const batchId = known ?? this.newId();
    this.stockBatches.set(intent, batchId);
    this.coupon(name).addStockAtOnce(units, { batchId, ms });
  }
}

function outcomeOfHolder(claim: ModelClaim, { claimId, idempotencyKey }: ClaimRequest): string {
  // The same attempt, sent again after its answer was lost.
  if (claim.claimId === claimId) return 'claimed';
  const isSameKey = idempotencyKey !== undefined && claim.idempotencyKey === idempotencyKey;
  return isSameKey ? 'replayed' : 'already_claimed';
}
