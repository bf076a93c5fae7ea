// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * How a sale decides, as simply as possible: one claim after the other, without a database. Every test that needs a
 * simulated sale uses this model. Times are milliseconds from a start that the caller chooses.
 */

/** One claim as it is sent. */
export type ClaimRequest = { userId: string; claimId: string; idempotencyKey: string | undefined };

/** One change of a claim as it is sent. */
export type ChangeRequest = {
  change: 'confirm' | 'release' | 'redeem';
  userId: string;
  claimId: string | undefined;
  idempotencyKey: string | undefined;
  reason?: string | undefined;
  isFinal?: boolean;
  mayReleaseConfirmed?: boolean;
  announcement?: string | undefined;
};

/** A stored claim, and what became of it. It is reserved while it has `expiresMs`. */
export type ModelClaim = ClaimRequest & {
  position: number;
  claimedMs: number;
  expiresMs?: number | undefined;
  redeemed?: { key: string | undefined };
  released?: { ms: number; reason: string | undefined; isFinal: boolean };
};

/** The outcome of a claim or of a change, with the claim that the user has. */
export type Decision = {
  outcome: string;
  claim?: ModelClaim | undefined;
  lastClaim?: ModelClaim | undefined;
  opensInMs?: number;
  announcement?: string;
};

/** When a sale opens and closes; without limits where undefined. */
export type Window = { opensMs?: number | undefined; closesMs?: number | undefined };

/** A row of the ledger. */
export type ModelLedgerRow = {
  kind: 'grant' | 'stock_added' | 'claimed' | 'mixed' | 'void';
  units: number;
  /** What became of which position: C confirmed, R released, E released since its hold had expired, U redeemed. */
  changes: string[];
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
  /** A change that returns units is announced, and has not been made since. */
  announced = false;
  /** How often a change was announced while none was. */
  private announcements = 0;
  /** When units were last added while none was left. */
  restockedMs = Number.NEGATIVE_INFINITY;
  /** How long a new claim is reserved; undefined: it is confirmed at once. */
  holdMs: number | undefined;
  claimsPerUserMax = 3;
  /** Units that came back, ever. */
  returned = 0;
  /** Live claims, in order of position. */
  readonly claims: ModelClaim[] = [];
  readonly claimsByUser = new Map<string, ModelClaim>();
  /** Claims that were released, in order of their release. */
  readonly released: ModelClaim[] = [];
  readonly ledger: ModelLedgerRow[] = [];
  readonly createdMs: number;
  private readonly kinds = new Map<string, ModelLedgerRow['kind']>();
  /** What the batch that is decided now has changed. */
  private changes: string[] = [];

  constructor(amount: number, { batchId, ms }: Moment = { batchId: 'grant', ms: 0 }) {
    this.amount = amount;
    this.remaining = amount;
    this.createdMs = ms;
    this.record('grant', amount, { batchId, ms });
  }

  /** Decides one claim, without a row of the ledger. */
  decide(request: ClaimRequest, ms = 0): Decision {
    const ended = this.releasedOf(request.userId);
    // The same attempt, sent again after its answer was lost.
    const resent = ended.find(({ claimId }) => claimId === request.claimId);
    if (resent !== undefined) return { outcome: 'claimed', claim: resent };
    const held = this.claimsByUser.get(request.userId);
    if (held?.claimId === request.claimId) return { outcome: 'claimed', claim: held };
    const claim = this.liveClaimOf(request.userId, ms);
    const ofKey = this.releasedOf(request.userId).findLast((one) => hasKey(one, request));
    if (ofKey !== undefined) return { outcome: outcomeOfReleased(ofKey), claim: ofKey };
    if (claim !== undefined) return { outcome: outcomeOfHolder(claim, request), claim };
    const { opensMs, closesMs } = this.window;
    if (opensMs !== undefined && ms < opensMs) {
      return { outcome: 'not_open', opensInMs: opensMs - ms };
    }
    if (this.paused) return { outcome: 'paused' };
    if (closesMs !== undefined && ms >= closesMs) return { outcome: 'closed' };
    if (this.remaining === 0) this.releaseDue(1, ms);
    if (this.remaining === 0) return { outcome: 'sold_out' };
    const before = this.releasedOf(request.userId);
    if (
      before.length >= this.claimsPerUserMax ||
      before.some(({ released }) => released?.isFinal)
    ) {
      return { outcome: 'claim_limit_reached' };
    }
    const won: ModelClaim = { ...request, position: this.nextPosition(), claimedMs: ms };
    if (this.holdMs !== undefined) won.expiresMs = ms + this.holdMs;
    this.remaining -= 1;
    this.claims.push(won);
    this.claimsByUser.set(won.userId, won);
    return { outcome: 'claimed', claim: won };
  }

  /** Decides one change, without a row of the ledger. `mayReturn`: a unit may come back now. */
  decideChange(
    request: ChangeRequest,
    ms = 0,
    mayReturn = this.mayReturn(request.announcement),
  ): Decision {
    const { change, userId, claimId } = request;
    const releasedBefore = this.released.length;
    const live = this.liveClaimOf(userId, ms);
    const hasExpired = this.released.length > releasedBefore;
    const ended = this.releasedOf(userId);
    const lastClaim = ended.at(-1);
    if (live === undefined && lastClaim === undefined) return { outcome: 'claim_not_found' };
    const isUnclear = claimId === undefined && change === 'release' && live && lastClaim;
    const named = [live, ...ended].find((one) => one?.claimId === claimId);
    const claim = claimId === undefined ? (live ?? lastClaim) : named;
    if (isUnclear || claim === undefined) {
      return { outcome: 'claim_mismatch', claim: live, lastClaim };
    }
    if (claim.released !== undefined) {
      const isNew = hasExpired && claim === lastClaim;
      return changeReleased(claim, claim.released, request, isNew);
    }
    if (claim.redeemed !== undefined) {
      const isReplay = change === 'redeem' && claim.redeemed.key !== undefined;
      const isSameKey = isReplay && claim.redeemed.key === request.idempotencyKey;
      return { outcome: isSameKey ? 'replayed' : 'already_redeemed', claim };
    }
    const isReserved = claim.expiresMs !== undefined;
    if (change === 'release') {
      if (!request.mayReleaseConfirmed && (request.isFinal || !isReserved)) {
        return { outcome: 'forbidden' };
      }
      if (!mayReturn) {
        return { outcome: 'announced', announcement: this.announce() };
      }
      this.release(claim, ms, request);
      return { outcome: 'changed', claim };
    }
    if (change === 'redeem' && isReserved) return { outcome: 'not_confirmed', claim };
    if (change === 'confirm' && !isReserved) return { outcome: 'unchanged', claim };
    if (change === 'redeem') claim.redeemed = { key: request.idempotencyKey };
    else claim.expiresMs = undefined;
    this.changes.push(`${change === 'redeem' ? 'U' : 'C'}${claim.position}`);
    return { outcome: 'changed', claim };
  }

  /**
   * Decides the claims and changes of a batch in order. Returns undefined if the batch must be refused: its id is in the
   * ledger already, and it would store something.
   */
  decideBatch(
    requests: readonly (ClaimRequest | ChangeRequest)[],
    batch: Moment,
  ): Decision[] | undefined {
    if (this.kinds.has(batch.batchId)) return this.decideAgain(requests, batch);
    const firstPosition = this.nextPosition();
    this.changes = [];
    const releases = requests.flatMap((one) =>
      'change' in one && one.change === 'release' ? [one] : [],
    );
    const mayReturn = releases.some(({ announcement }) => this.mayReturn(announcement));
    // A change that comes back after its wait ends its announcement, whatever becomes of it.
    if (mayReturn && releases.some(({ announcement }) => announcement !== undefined)) {
      this.announced = false;
    }
    const decisions = requests.map((request) =>
      'change' in request
        ? this.decideChange(request, batch.ms, mayReturn)
        : this.decide(request, batch.ms),
    );
    const units = this.nextPosition() - firstPosition;
    const kind = this.changes.length > 0 ? 'mixed' : 'claimed';
    if (kind === 'mixed' || units > 0) {
      // Snapshots count again, since no announced release is to come.
      if (this.changes.some((change) => change.startsWith('R'))) this.announced = false;
      this.record(kind, units, batch, firstPosition);
    }
    return decisions;
  }

  /** Releases at most `unitsMax` holds that have expired, in order of position. */
  releaseDue(unitsMax: number, ms: number): number {
    const due = this.claims.filter((claim) => isDue(claim, ms)).slice(0, unitsMax);
    for (const claim of due) this.release(claim, ms, { reason: 'expired' });
    return due.length;
  }

  /** Releases expired holds as a batch of their own. */
  sweep(unitsMax: number, batch: Moment): void {
    this.changes = [];
    if (this.releaseDue(unitsMax, batch.ms) > 0) this.record('mixed', 0, batch);
  }

  /** Adds units once per batch id. While no unit is left, only under the announcement that it returned last. */
  addStock(
    units: number,
    batch: Moment & { announcement?: string | undefined },
  ): 'added' | 'replayed' | { announcement: string } {
    if (this.kinds.has(batch.batchId)) return 'replayed';
    if (!this.mayReturn(batch.announcement)) {
      return { announcement: this.announce() };
    }
    if (this.remaining === 0) this.restockedMs = batch.ms;
    this.announced = false;
    this.amount += units;
    this.remaining += units;
    this.record('stock_added', units, batch);
    return 'added';
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
    return kind === 'claimed' || kind === 'mixed' ? 'committed' : 'void';
  }

  /** Whether units may come back now: while none is left, only under an announcement that still counts. */
  private mayReturn(announcement: string | undefined): boolean {
    return this.remaining > 0 || (this.announced && announcement === String(this.announcements));
  }

  private announce(): string {
    if (!this.announced) this.announcements += 1;
    this.announced = true;
    return String(this.announcements);
  }

  private nextPosition(): number {
    return this.amount - this.remaining + this.returned + 1;
  }

  private releasedOf(userId: string): ModelClaim[] {
    return this.released
      .filter((claim) => claim.userId === userId)
      .sort((one, other) => one.position - other.position);
  }

  /** The user's live claim. A hold that has expired is released first. */
  private liveClaimOf(userId: string, ms: number): ModelClaim | undefined {
    const claim = this.claimsByUser.get(userId);
    if (claim !== undefined && isDue(claim, ms)) this.release(claim, ms, { reason: 'expired' });
    return this.claimsByUser.get(userId);
  }

  private release(
    claim: ModelClaim,
    ms: number,
    { reason, isFinal = false }: { reason?: string | undefined; isFinal?: boolean },
  ): void {
    claim.expiresMs = undefined;
    claim.released = { ms, reason, isFinal };
    this.claims.splice(this.claims.indexOf(claim), 1);
    this.claimsByUser.delete(claim.userId);
    this.released.push(claim);
    this.remaining += 1;
    this.returned += 1;
    this.changes.push(`${reason === 'expired' ? 'E' : 'R'}${claim.position}`);
  }

  /**
   * What a batch is answered whose id is in the ledger: it is decided on a copy, and refused if it would store
   * something.
   */
  private decideAgain(
    requests: readonly (ClaimRequest | ChangeRequest)[],
    batch: Moment,
  ): Decision[] | undefined {
    const copy: CouponModel = Object.assign(
      Object.create(CouponModel.prototype),
      structuredClone({ ...this }),
    );
    copy.kinds.clear();
    const rows = this.ledger.length;
    const decisions = copy.decideBatch(requests, batch);
    if (copy.ledger.length > rows) return undefined;
    this.announced = copy.announced;
    this.announcements = copy.announcements;
    return decisions;
  }

  private record(
    kind: ModelLedgerRow['kind'],
    units: number,
    { batchId, ms }: Moment,
    firstPosition?: number,
  ): void {
    this.ledger.push({
      ...{ kind, units, firstPosition, remaining: this.remaining, batchId, recordedMs: ms },
      changes: kind === 'mixed' ? this.changes : [],
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

function outcomeOfHolder(claim: ModelClaim, request: ClaimRequest): string {
  return hasKey(claim, request) ? 'replayed' : 'already_claimed';
}

function hasKey(claim: ModelClaim, { idempotencyKey }: Pick<ClaimRequest, 'idempotencyKey'>) {
  return idempotencyKey !== undefined && claim.idempotencyKey === idempotencyKey;
}

/** From `expiresMs` on the hold has expired. */
function isDue({ expiresMs }: ModelClaim, ms: number): boolean {
  return expiresMs !== undefined && ms >= expiresMs;
}

function outcomeOfReleased({ released }: ModelClaim): string {
  return released?.reason === 'expired' ? 'hold_expired' : 'claim_released';
}

function changeReleased(
  claim: ModelClaim,
  released: NonNullable<ModelClaim['released']>,
  { change, isFinal, mayReleaseConfirmed }: ChangeRequest,
  isNew: boolean,
): Decision {
  if (change !== 'release') return { outcome: outcomeOfReleased(claim), claim };
  if (isFinal && !mayReleaseConfirmed) return { outcome: 'forbidden' };
  if (isFinal) released.isFinal = true;
  return { outcome: isNew ? 'changed' : 'unchanged', claim };
}
