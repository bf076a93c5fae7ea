// SPDX-License-Identifier: GPL-3.0-or-later
import type { Claim, ClaimOutcome } from '../../src/core/claims/claim.ts';
import type { ChangeDecision, SentChange } from '../../src/core/claims/ports.ts';
import { type CouponWithHolders, couponDefaults } from '../../src/core/coupons/coupon.ts';
import type { SoldOutReader, StockSnapshot } from '../../src/core/stock/ports.ts';
import type { FixedClock } from './fixed-clock.ts';
import { CouponModel, type ModelClaim } from './sale-model.ts';

/** The name of the coupon. */
export const couponName = 'C';

/** What a simulated database does wrong on purpose. */
export type SaleDefect = 'releases at once' | 'hides the end of holds' | 'hides new holders';

const toClaim = ({ claimId, userId, position }: ModelClaim): Claim => ({
  ...{ claimId, couponName, userId, position },
  ...{ claimedAt: 'then', state: 'confirmed' },
});

/** One coupon, as the model of a sale decides it. */
export class SimulatedSale {
  readonly model = new CouponModel(3);
  /** Claims in progress, each with whether no unit could be claimed at any moment since its start. */
  readonly watchers = new Set<{ wasSoldOut: boolean }>();
  private readonly time: FixedClock;
  private readonly defect: string;
  private readonly counts: { announcedAgain: number };
  private batches = 0;

  constructor(options: {
    time: FixedClock;
    holdMs: number | undefined;
    /** A `SaleDefect`; anything else is none. */
    defect: string;
    counts: { announcedAgain: number };
  }) {
    const { time, holdMs, defect, counts } = options;
    this.time = time;
    this.counts = counts;
    this.model.holdMs = holdMs;
    this.model.claimsPerUserMax = 100;
    this.defect = defect;
  }

  /** Not while a hold has expired: the next claim gets its unit. */
  get isSoldOut(): boolean {
    return this.model.remaining === 0 && !(this.nextEndMs <= 0);
  }

  /** Milliseconds until the first hold ends. */
  get nextEndMs(): number {
    const ends = this.model.claims.map(({ expiresMs }) => expiresMs ?? Number.POSITIVE_INFINITY);
    return Math.min(...ends) - this.time.nowMs();
  }

  /** The live claim of a user, whose hold has not expired. */
  liveClaimOf(userId: string): ModelClaim | undefined {
    const claim = this.model.claimsByUser.get(userId);
    return (claim?.expiresMs ?? Number.POSITIVE_INFINITY) > this.time.nowMs() ? claim : undefined;
  }

  claim(userId: string, claimId: string): ClaimOutcome {
    const [decision] =
      this.model.decideBatch([{ userId, claimId, idempotencyKey: undefined }], this.batch()) ?? [];
    if (this.isSoldOut) for (const watcher of this.watchers) watcher.wasSoldOut = true;
    if (decision?.claim === undefined) return { outcome: 'sold_out' };
    return { outcome: decision.outcome as 'claimed', claim: toClaim(decision.claim) };
  }

  change(command: SentChange): ChangeDecision {
    const { model } = this;
    const isForced = this.defect === 'releases at once' && model.remaining === 0;
    if (isForced) model.announced = true;
    const announcement = isForced ? String(model.ledger.length) : command.announcement;
    const [decision] = model.decideBatch([{ ...command, announcement }], this.batch()) ?? [];
    if (decision?.announcement !== undefined) {
      if (command.announcement !== undefined) this.counts.announcedAgain += 1;
      return { outcome: 'announced', announcement: decision.announcement };
    }
    return { outcome: decision?.outcome as 'forbidden' };
  }

  sweep(): void {
    this.model.sweep(2, this.batch());
  }

  add(units: number, batchId: string, announcement: string | undefined) {
    const { amount, remaining: remainingAmount } = this.model;
    const coupon: CouponWithHolders = {
      ...{ id: '1', name: couponName, amount, remainingAmount },
      ...{
        state: 'open',
        opensAt: null,
        closesAt: null,
        paused: false,
        archived: false,
        holders: [],
        ...couponDefaults,
      },
    };
    const added = this.model.addStock(units, { batchId, announcement, ms: this.time.nowMs() });
    return typeof added === 'object' ? added : { coupon, replayed: added === 'replayed' };
  }

  readStock(): StockSnapshot {
    const { amount, remaining, announced, claims, released } = this.model;
    const last = [...claims, ...released].reduce<ModelClaim | undefined>(
      (one, other) => ((one?.position ?? 0) > other.position ? one : other),
      undefined,
    );
    const ends = Number.isFinite(this.nextEndMs) && this.defect !== 'hides the end of holds';
    return {
      ...{ amount, remainingAmount: remaining, stockAnnounced: announced },
      lastClaim: last === undefined ? null : { position: last.position, claimId: last.claimId },
      ...{ state: 'open', closesInMs: null, holdsExpireInMs: ends ? this.nextEndMs : null },
    };
  }

  listHolders({ after, limit }: Parameters<SoldOutReader['listHolders']>[0]) {
    const { claims, released } = this.model;
    const isKnown = [...claims, ...released].some(({ claimId }) => claimId === after?.claimId);
    if (after !== undefined && !isKnown) return 'unknown_claim' as const;
    const isHidden = this.defect === 'hides new holders' && after !== undefined;
    const page = claims.filter(({ position }) => position > (after?.position ?? 0));
    const last = page.slice(0, limit).at(-1);
    return {
      userIds: isHidden ? [] : page.slice(0, limit).map(({ userId }) => userId),
      last: last && { position: last.position, claimId: last.claimId },
    };
  }

  private batch() {
    this.batches += 1;
    return { batchId: `batch-${this.batches}`, ms: this.time.nowMs() };
  }
}
