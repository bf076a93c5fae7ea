// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * How a sale decides in which claims end, as simply as possible: one request after the other, without a database. It
 * serves the tests of the drill and of the audit. Times are milliseconds from a start that the caller chooses.
 */
import { changeWithSaga, type ModelSaga } from './proof-saga-model.ts';
import type { Window } from './sale-model.ts';

export type EndingClaim = {
  userId: string;
  claimId: string;
  idempotencyKey: string | undefined;
  position: number;
  claimedMs: number;
  /** Of a hold: when it ends. */
  holdEndMs?: number;
  /** Of a coupon with a saga, which ends the claim. */
  saga?: ModelSaga;
  confirmedMs?: number;
  redeemed?: { ms: number; key: string | undefined };
  released?: { ms: number; reason: string | undefined; isFinal: boolean };
};

/** A request for a unit, or to change a claim. */
export type EndingCommand = { userId: string } & (
  | { kind: 'claim'; claimId: string; idempotencyKey?: string | undefined }
  | ChangeCommand
);

/** A request to change a claim. */
export type ChangeCommand = {
  kind: 'confirm' | 'release' | 'redeem';
  claimId?: string | undefined;
  idempotencyKey?: string | undefined;
  reason?: string | undefined;
  isFinal?: boolean | undefined;
  isAdmin?: boolean | undefined;
};

export type EndingDecision = {
  outcome: string;
  claim?: EndingClaim | undefined;
  lastClaim?: EndingClaim | undefined;
  opensInMs?: number;
};

export type EndingLedgerRow = {
  kind: 'grant' | 'stock_added' | 'claimed' | 'mixed';
  units: number;
  firstPosition: number | undefined;
  remaining: number;
  returned: number;
  changes: [position: number, change: string][];
  batchId: string;
  recordedMs: number;
};

/** The state of a claim, as answers show it. */
export function stateOf(claim: EndingClaim): 'reserved' | 'confirmed' | 'redeemed' | 'released' {
  if (claim.released !== undefined) return 'released';
  if (claim.redeemed !== undefined) return 'redeemed';
  const isHeld = claim.holdEndMs !== undefined || claim.saga !== undefined;
  const isHold = isHeld && claim.confirmedMs === undefined;
  return isHold ? 'reserved' : 'confirmed';
}

/** One coupon with its claims and its ledger. */
export class EndingCoupon {
  amount: number;
  remaining: number;
  window: Window = {};
  readonly createdMs: number;
  readonly holdSeconds: number | undefined;
  /** The saga that its claims begin. */
  sagaName: string | undefined;
  readonly claimsPerUserMax = 3;
  /** Every claim there ever was, by position. */
  readonly all: EndingClaim[] = [];
  readonly claimsByUser = new Map<string, EndingClaim>();
  readonly ledger: EndingLedgerRow[] = [];
  private changes: [position: number, change: string][] = [];

  constructor(amount: number, options: { batchId: string; ms: number; holdSeconds?: number }) {
    const { batchId, ms, holdSeconds } = options;
    this.amount = amount;
    this.remaining = amount;
    this.createdMs = ms;
    this.holdSeconds = holdSeconds;
    this.record('grant', { units: amount, batchId, ms });
  }

  /** The live claims by position. */
  get claims(): EndingClaim[] {
    return this.all.filter(({ released }) => released === undefined);
  }

  get returnedUnits(): number {
    return this.all.length - this.claimsByUser.size;
  }

  /** Decides the requests of a batch in order, with one row of the ledger if they change something. */
  decide(
    commands: readonly EndingCommand[],
    batch: { batchId: string; ms: number },
  ): EndingDecision[] {
    const before = this.all.length;
    const decisions = commands.map((command) => {
      return command.kind === 'claim'
        ? this.decideClaim(command, batch.ms)
        : this.decideChange({ ...command, ms: batch.ms });
    });
    this.recordBatch(before, batch);
    return decisions;
  }

  /** Releases all holds that have expired. */
  sweep(batch: { batchId: string; ms: number }): void {
    for (const claim of this.claims) {
      if (hasExpired(claim, batch.ms)) this.end(claim, { ms: batch.ms, reason: 'expired' });
    }
    this.recordBatch(this.all.length, batch);
  }

  addStock(units: number, batch: { batchId: string; ms: number }): void {
    this.amount += units;
    this.remaining += units;
    this.record('stock_added', { units, ...batch });
  }

  /** Ends a claim, whatever its state. A test of the audit calls it to plant a defect. */
  end(
    claim: EndingClaim,
    { ms, reason, isFinal = false }: { ms: number; reason: string | undefined; isFinal?: boolean },
  ): void {
    claim.released = { ms, reason, isFinal };
    this.claimsByUser.delete(claim.userId);
    this.remaining += 1;
    this.changes.push([claim.position, reason === 'expired' ? 'E' : 'R']);
  }

  /** Records all changes since the last row. */
  recordBatch(claimsBefore: number, { batchId, ms }: { batchId: string; ms: number }): void {
    const units = this.all.length - claimsBefore;
    const { changes } = this;
    this.changes = [];
    if (units === 0 && changes.length === 0) return;
    const firstPosition = units === 0 ? undefined : claimsBefore + 1;
    const kind = changes.length === 0 ? 'claimed' : 'mixed';
    this.record(kind, { units, batchId, ms, firstPosition, changes });
  }

  /** Confirms a claim, as its saga does at its end. */
  confirm(claim: EndingClaim, batch: { batchId: string; ms: number }): void {
    claim.confirmedMs = batch.ms;
    this.changes.push([claim.position, 'C']);
    this.recordBatch(this.all.length, batch);
  }

  private decideClaim(
    command: { userId: string; claimId: string; idempotencyKey?: string | undefined },
    ms: number,
  ): EndingDecision {
    const { userId, claimId, idempotencyKey: key } = command;
    const live = this.claimsByUser.get(userId);
    if (live !== undefined && hasExpired(live, ms)) this.end(live, { ms, reason: 'expired' });
    else if (live !== undefined) {
      const isSame = key !== undefined && live.idempotencyKey === key;
      return { outcome: isSame ? 'replayed' : 'already_claimed', claim: live };
    }
    const ended = this.all.filter((one) => one.userId === userId);
    const sameKey = ended.find((one) => key !== undefined && one.idempotencyKey === key);
    if (sameKey !== undefined) return { outcome: endOf(sameKey), claim: sameKey };
    const { opensMs, closesMs } = this.window;
    if (opensMs !== undefined && ms < opensMs) {
      return { outcome: 'not_open', opensInMs: opensMs - ms };
    }
    if (closesMs !== undefined && ms >= closesMs) return { outcome: 'closed' };
    if (this.remaining === 0) this.reclaim(ms);
    if (this.remaining === 0) return { outcome: 'sold_out' };
    const isFinal = ended.some(({ released }) => released?.isFinal === true);
    if (isFinal || ended.length >= this.claimsPerUserMax) return { outcome: 'claim_limit_reached' };
    const position = this.all.length + 1;
    const won: EndingClaim = { userId, claimId, idempotencyKey: key, position, claimedMs: ms };
    if (this.sagaName !== undefined) won.saga = { state: 'running', steps: [] };
    else if (this.holdSeconds !== undefined) won.holdEndMs = ms + this.holdSeconds * 1000;
    this.all.push(won);
    this.claimsByUser.set(userId, won);
    this.remaining -= 1;
    return { outcome: 'claimed', claim: won };
  }

  private reclaim(ms: number): void {
    const expired = this.claims.find((claim) => hasExpired(claim, ms));
    if (expired !== undefined) this.end(expired, { ms, reason: 'expired' });
  }

  private decideChange(command: ChangeCommand & { userId: string; ms: number }): EndingDecision {
    const { kind, userId, claimId, ms } = command;
    const own = this.all.filter((one) => one.userId === userId);
    if (own.length === 0) return { outcome: 'claim_not_found' };
    const live = this.claimsByUser.get(userId);
    const ended = own.filter(({ released }) => released !== undefined);
    const mismatch = { outcome: 'claim_mismatch', claim: live, lastClaim: ended.at(-1) };
    const isUnclear = kind === 'release' && live !== undefined && ended.length > 0;
    if (claimId === undefined && isUnclear) return mismatch;
    const claim =
      claimId === undefined ? (live ?? ended.at(-1)) : own.find((one) => one.claimId === claimId);
    if (claim === undefined) return mismatch;
    if (hasExpired(claim, ms)) this.end(claim, { ms, reason: 'expired' });
    return { outcome: this.change(claim, command), claim };
  }

  private change(claim: EndingClaim, command: ChangeCommand & { ms: number }): string {
    const { kind, ms, idempotencyKey: key, reason, isAdmin = false, isFinal } = command;
    const bySaga = changeWithSaga(claim, command);
    if (bySaga !== undefined) return bySaga;
    const state = stateOf(claim);
    if (state === 'redeemed') {
      const isSame = key !== undefined && claim.redeemed?.key === key;
      return kind === 'redeem' && isSame ? 'replayed' : 'already_redeemed';
    }
    if (kind === 'release') {
      if (state === 'confirmed' && !isAdmin) return 'forbidden';
      if (state !== 'released') this.end(claim, { ms, reason, isFinal: isFinal === true });
      return 'released';
    }
    if (state === 'released') return endOf(claim);
    if (kind === 'redeem' && state === 'reserved') return 'not_confirmed';
    if (kind === 'redeem') {
      claim.redeemed = { ms, key };
      this.changes.push([claim.position, 'U']);
      return 'redeemed';
    }
    if (state === 'reserved') {
      claim.confirmedMs = ms;
      this.changes.push([claim.position, 'C']);
    }
    return 'confirmed';
  }

  private record(
    kind: EndingLedgerRow['kind'],
    row: Partial<EndingLedgerRow> & { units: number; batchId: string; ms: number },
  ): void {
    const { units, firstPosition, changes = [], batchId, ms } = row;
    const returned = changes.filter(([, change]) => change === 'R' || change === 'E').length;
    this.ledger.push({
      ...{ kind, units, firstPosition, remaining: this.remaining, returned, changes },
      ...{ batchId, recordedMs: ms },
    });
  }
}

/** Coupons by name, each batch with an id of its own. */
export class EndingSale {
  readonly coupons = new Map<string, EndingCoupon>();
  private readonly stockKeys = new Set<string>();
  private ids = 0;

  /** The next id, as a UUID. */
  newId(): string {
    this.ids += 1;
    return `00000000-0000-7000-8000-${this.ids.toString(16).padStart(12, '0')}`;
  }

  /** The coupon of this name, which must exist. */
  coupon(name: string): EndingCoupon {
    const coupon = this.coupons.get(name);
    if (coupon === undefined) throw new Error(`no coupon ${name}`);
    return coupon;
  }

  create(
    name: string,
    amount: number,
    options: { ms: number; holdSeconds?: number | undefined; window?: Window },
  ): EndingCoupon {
    const { ms, holdSeconds, window = {} } = options;
    const held = holdSeconds === undefined ? {} : { holdSeconds };
    const coupon = new EndingCoupon(amount, { batchId: this.newId(), ms, ...held });
    coupon.window = window;
    this.coupons.set(name, coupon);
    return coupon;
  }

  decide(name: string, commands: readonly EndingCommand[], ms: number): EndingDecision[] {
    return this.coupon(name).decide(commands, { batchId: this.newId(), ms });
  }

  /** Adds units at once, once per key. */
  addStock(name: string, addition: { units: number; key?: string | undefined; ms: number }): void {
    const { units, key, ms } = addition;
    const intent = JSON.stringify([name, key]);
    if (key !== undefined && this.stockKeys.has(intent)) return;
    this.stockKeys.add(intent);
    this.coupon(name).addStock(units, { batchId: this.newId(), ms });
  }
}

function hasExpired(claim: EndingClaim, ms: number): boolean {
  const endMs = claim.saga === undefined ? (claim.holdEndMs ?? ms) : Number.POSITIVE_INFINITY;
  return stateOf(claim) === 'reserved' && endMs <= ms;
}

/** How a request learns of a claim that ended. */
function endOf({ released }: EndingClaim): string {
  return released?.reason === 'expired' ? 'hold_expired' : 'claim_released';
}
