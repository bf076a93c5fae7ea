// SPDX-License-Identifier: GPL-3.0-or-later
/** What a sale must do, as plainly as it can be said: no batches, no database, one claim after the other. */

/** One claim as the model sees it. */
export type ModelAsk = { userId: string; claimId: string; idempotencyKey: string | undefined };

/** A claim that the model has stored. */
export type ModelClaim = ModelAsk & { position: number };

/** An entry of the ledger: what came in, or went out. */
export type ModelEntry = {
  kind: 'grant' | 'stock_added' | 'claimed' | 'void';
  units: number;
  remaining: number;
};

/** Times are far enough from now that no test is slow enough to reach them. */
export const windows = {
  always: { opensAt: null, closesAt: null, state: 'open' },
  scheduled: { opensAt: '2100-01-01T00:00:00Z', closesAt: null, state: 'scheduled' },
  opened: { opensAt: '2000-01-01T00:00:00Z', closesAt: '2100-01-01T00:00:00Z', state: 'open' },
  over: { opensAt: '2000-01-01T00:00:00Z', closesAt: '2001-01-01T00:00:00Z', state: 'closed' },
} as const;

/** One coupon. */
export class SaleModel {
  amount: number;
  remaining: number;
  paused = false;
  window: keyof typeof windows = 'always';
  /** Somebody was told that his addition is announced, and no addition has come since. */
  announced = false;
  readonly claims: ModelClaim[] = [];
  readonly ledger: ModelEntry[];
  /** Batch ids that the ledger holds. */
  private readonly batches = new Map<string, ModelEntry['kind']>();

  constructor(amount: number) {
    this.amount = amount;
    this.remaining = amount;
    this.ledger = [{ kind: 'grant', units: amount, remaining: amount }];
  }

  /**
   * The words for the claims of a batch; undefined when the batch must be refused, since its id is
   * settled and it would store something. One that stores nothing may be answered: nobody waits.
   */
  decideBatch(batchId: string, asks: readonly ModelAsk[]): string[] | undefined {
    const before = this.remaining;
    const words = asks.map((ask) => this.decide(ask));
    const won = before - this.remaining;
    if (won === 0) return words;
    if (this.batches.has(batchId)) {
      this.claims.splice(-won);
      this.remaining = before;
      return undefined;
    }
    this.write('claimed', won, batchId);
    return words;
  }

  /** The word for one claim. */
  decide(ask: ModelAsk): string {
    const held = this.claims.find(({ userId }) => userId === ask.userId);
    if (held !== undefined) {
      if (held.claimId === ask.claimId) return 'claimed';
      const sameKey = held.idempotencyKey === ask.idempotencyKey;
      return sameKey && ask.idempotencyKey !== undefined ? 'replayed' : 'already_claimed';
    }
    const { state } = windows[this.window];
    if (state === 'scheduled') return 'not_open';
    if (this.paused) return 'paused';
    if (state === 'closed') return 'closed';
    if (this.remaining === 0) return 'sold_out';
    this.remaining -= 1;
    this.claims.push({ ...ask, position: this.claims.length + 1 });
    return 'claimed';
  }

  /** Where nothing is left, adds only under an announcement that nothing has come after. */
  addStock(
    batchId: string,
    units: number,
    announcement: string | undefined,
  ): 'added' | 'replayed' | { announcement: string } {
    if (this.batches.has(batchId)) return 'replayed';
    const now = String(this.ledger.length);
    if (this.remaining === 0 && !(this.announced && announcement === now)) {
      this.announced = true;
      return { announcement: now };
    }
    this.announced = false;
    this.amount += units;
    this.remaining += units;
    this.write('stock_added', units, batchId);
    return 'added';
  }

  voidBatch(batchId: string): 'committed' | 'void' {
    const kind = this.batches.get(batchId);
    if (kind === undefined) this.write('void', 0, batchId);
    return kind === 'claimed' ? 'committed' : 'void';
  }

  private write(kind: ModelEntry['kind'], units: number, batchId: string): void {
    this.ledger.push({ kind, units, remaining: this.remaining });
    this.batches.set(batchId, kind);
  }
}
