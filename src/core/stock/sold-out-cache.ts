// SPDX-License-Identifier: GPL-3.0-or-later
import type { ClaimOutcome } from '../claims/claim.ts';
import type { ClaimCoupon } from '../claims/claim-coupon.ts';
import type { Clock } from '../clock.ts';
import type { ChangeCoupon } from '../coupons/change-coupon.ts';
import { SharedRead } from '../shared-read.ts';
import { claimCount } from './assumptions.ts';
import { type CachedCoupon, CachedCoupons } from './cached-coupons.ts';
import { loadHolders } from './load-holders.ts';
import type { GivenPosition, SoldOutReader, StockSnapshot } from './ports.ts';
import { snapshotTtlMs } from './snapshot-ttl.ts';
import { isSoldOut, validForMs } from './sold-out-snapshot.ts';

/** What the cache works with, and its limits. */
export type SoldOutCacheOptions = {
  reader: SoldOutReader;
  clock: Clock;
  /** Holders cached in all. The database decides for a coupon that does not fit. 0: nothing is cached. */
  holdersMax: number;
  /** Claims that may wait for a stock snapshot. */
  waitingMax: number;
  /** A number of 32 bits that callers cannot know. */
  seed: number;
};

// How often coupons without requests are removed.
const sweepMs = 15_000;
// A snapshot that takes longer means that the database is in trouble.
const snapshotMsMax = 500;
const namesPerSnapshotMax = 500;
// How often a load reads the holders that have come meanwhile.
const loadRoundsMax = 3;
// How long after a load that was overtaken by claims the next one may start. It reads only what is new since.
const overtakenMs = 50;

const soldOut: ClaimOutcome = { outcome: 'sold_out' };

/**
 * Answers `sold_out` without the database, which is the answer to nearly every request of a sale. While a coupon is
 * sold out, no user but its holders can get another answer. The cache knows the holders: it refuses all other users,
 * and passes a holder, or a user that may be or may have been one, to the database.
 *
 * A stock snapshot confirms every 500 ms that the coupon is still sold out, only while there are requests. A change
 * that puts units back on sale is announced and waits longer than that (`announced-change.ts`), and an announced coupon
 * counts as not sold out. A hold that expires is not announced: no snapshot is valid beyond the next possible end of a
 * hold. So no claim is refused from the cache if units were left when the request arrived, whichever process has put
 * them there.
 *
 * When a coupon is no longer sold out, its holders are kept. When it sells out again, only the new ones are read.
 */
export class SoldOutCache {
  private readonly options: SoldOutCacheOptions;
  private readonly cached: CachedCoupons;
  /** Coupons that are being loaded. Replacing or removing the token cancels the load. */
  private readonly loading = new Map<string, symbol>();
  /** Coupons that this process is changing, with the number of changes in progress. */
  private readonly changing = new Map<string, number>();
  private readonly snapshots: SharedRead<StockSnapshot>;
  private isLoading = false;
  private noLoadUntilMs = Number.NEGATIVE_INFINITY;
  private readonly stopSweep: () => void;

  constructor(options: SoldOutCacheOptions) {
    this.options = options;
    this.cached = new CachedCoupons(options.clock, options.holdersMax);
    this.snapshots = new SharedRead<StockSnapshot>({
      load: (names) => options.reader.readStock(names),
      keysMax: namesPerSnapshotMax,
      readersMax: options.waitingMax,
    });
    this.stopSweep = options.clock.every(sweepMs, () => this.cached.removeUnrequested());
  }

  /** The coupons that are refused from the cache, and the holders of all coupons that it knows. */
  size(): { coupons: number; holders: number } {
    return this.cached.size();
  }

  /** Puts the cache in front of a claim. */
  wrap(claimCoupon: ClaimCoupon): ClaimCoupon {
    return (command) => {
      const coupon = this.cached.get(command.couponName);
      if (coupon === undefined || !coupon.isSoldOut) return claimCoupon(command);
      const nowMs = this.options.clock.nowMs();
      coupon.requestedAtMs = nowMs;
      if (coupon.holders.has(command.userId)) return claimCoupon(command);
      if (nowMs < coupon.validUntilMs) return Promise.resolve(soldOut);
      coupon.refresh ??= this.refresh(command.couponName, coupon);
      // A snapshot that was requested too long before this claim arrived, or takes too long, proves nothing about it.
      return this.inTime(coupon.refresh).then((isValid) =>
        isValid && nowMs < coupon.validUntilMs ? soldOut : claimCoupon(command),
      );
    };
  }

  /**
   * Starts to load a coupon; call it when the database has refused a claim as sold out. If the load fails, or there are
   * too many holders, the database goes on deciding.
   */
  load(couponName: string): void {
    const { clock, holdersMax } = this.options;
    if (holdersMax === 0 || clock.nowMs() < this.noLoadUntilMs) return;
    // One load at a time: holders that are being read do not count toward the limit yet.
    if (this.isLoading || this.loading.has(couponName) || this.changing.has(couponName)) return;
    if (this.cached.get(couponName)?.isSoldOut) return;
    const token = Symbol(couponName);
    this.loading.set(couponName, token);
    this.isLoading = true;
    // The token stays for a while after a failed load: otherwise each refusal would start the next one.
    void this.loadCoupon(couponName, token)
      .catch(() => snapshotTtlMs)
      .finally(() => {
        this.isLoading = false;
      })
      .then((waitMs) => (waitMs > 0 ? clock.sleep(waitMs) : undefined))
      .finally(() => {
        if (this.loading.get(couponName) === token) this.loading.delete(couponName);
      });
  }

  /** Passes claims of a coupon to the database again; call it when units have come back. Its holders stay. */
  endRefusals(couponName: string): void {
    const coupon = this.cached.get(couponName);
    if (coupon !== undefined) coupon.isSoldOut = false;
  }

  /** Removes a coupon from the cache before and while this process changes it. */
  wrapChangeCoupon(changeCoupon: ChangeCoupon): ChangeCoupon {
    return (name, change, by) => this.whileChanging(name, () => changeCoupon(name, change, by));
  }

  /** Runs a change of a coupon. The coupon is not cached until the change has ended. */
  async whileChanging<Result>(couponName: string, change: () => Promise<Result>): Promise<Result> {
    this.changing.set(couponName, (this.changing.get(couponName) ?? 0) + 1);
    this.remove(couponName);
    try {
      return await change();
    } finally {
      const left = (this.changing.get(couponName) ?? 1) - 1;
      if (left === 0) this.changing.delete(couponName);
      else this.changing.set(couponName, left);
    }
  }

  /**
   * Empties the cache when another server may have taken over, with other claims and other stock. Loads and refreshes in
   * progress have no effect. No load starts for the next 500 ms: a coupon with many holders must not be read again for
   * each of several connections that break one after the other.
   */
  forgetAll(): void {
    this.loading.clear();
    this.cached.removeAll();
    this.noLoadUntilMs = this.options.clock.nowMs() + snapshotTtlMs;
  }

  /** Stops the periodic sweep. */
  stop(): void {
    this.stopSweep();
  }

  /** Takes a new snapshot. Whether the coupon is still sold out, with the same holders. */
  private async refresh(couponName: string, coupon: CachedCoupon): Promise<boolean> {
    const requestedAtMs = this.options.clock.nowMs();
    const snapshot = await this.snapshots.read(couponName).catch(() => undefined);
    coupon.refresh = undefined;
    // Removed in the meantime, as when this process has paused the sale: the snapshot may be older than that.
    if (this.cached.get(couponName) !== coupon) return false;
    if (!snapshot || !isSoldOut(snapshot) || !isSame(snapshot.lastClaim, coupon.lastClaim)) {
      coupon.isSoldOut = false;
      return false;
    }
    coupon.validUntilMs = Math.max(coupon.validUntilMs, requestedAtMs + validForMs(snapshot));
    return true;
  }

  /**
   * Reads the holders that the cache does not know, between two snapshots with the same last claim: then there was no
   * other claim in between. Returns how long to wait before the next load: 0 when the coupon is cached as sold out.
   */
  private async loadCoupon(couponName: string, token: symbol): Promise<number> {
    const { clock, reader } = this.options;
    let coupon: CachedCoupon | undefined;
    const isCancelled = () =>
      this.loading.get(couponName) !== token ||
      (coupon !== undefined && this.cached.get(couponName) !== coupon);
    let complete: GivenPosition | undefined;
    let readOfAll: number | undefined;
    for (let round = 0; round <= loadRoundsMax; round += 1) {
      const requestedAtMs = clock.nowMs();
      const snapshot = await this.snapshots.read(couponName);
      // Without a claim there would be no holder, and nothing that identifies the past.
      if (isCancelled() || !snapshot?.lastClaim) return snapshotTtlMs;
      if (!isSoldOut(snapshot)) {
        const isOvertaken = this.cached.get(couponName) !== undefined && !snapshot.stockAnnounced;
        return isOvertaken ? overtakenMs : snapshotTtlMs;
      }
      const claims = claimCount(snapshot);
      if (coupon === undefined) {
        coupon = this.couponToLoad(couponName, claims);
        if (coupon === undefined) return snapshotTtlMs;
        complete = coupon.lastClaim;
      }
      if (isSame(snapshot.lastClaim, complete)) {
        if (readOfAll !== undefined && readOfAll !== claims) break;
        coupon.lastClaim = snapshot.lastClaim;
        coupon.validUntilMs = requestedAtMs + validForMs(snapshot);
        coupon.isSoldOut = true;
        return 0;
      }
      if (round === loadRoundsMax) return overtakenMs;
      const isFromStart = coupon.lastClaim === undefined;
      const makeRoom = (count: number) => this.cached.makeRoom(count);
      const read = await loadHolders({ reader, couponName, coupon, makeRoom, isCancelled });
      if (isCancelled()) return snapshotTtlMs;
      if (read === undefined) break;
      readOfAll = isFromStart ? read : undefined;
      complete = snapshot.lastClaim;
    }
    this.cached.remove(couponName);
    return snapshotTtlMs;
  }

  /** The coupon as it is known, or a new one; undefined if its holders do not fit. */
  private couponToLoad(couponName: string, claims: number): CachedCoupon | undefined {
    const { cached } = this;
    const known = cached.get(couponName);
    // Users whose claims were released stay in the set, until they are more than the holders.
    if (known !== undefined && known.holders.size <= 2 * claims) {
      known.requestedAtMs = this.options.clock.nowMs();
      return known;
    }
    cached.remove(couponName);
    return cached.makeRoom(claims) ? cached.add(couponName, this.options.seed) : undefined;
  }

  private remove(couponName: string): void {
    this.loading.delete(couponName);
    this.cached.remove(couponName);
  }

  /** The result of a refresh, or false if it takes too long: then the database decides, in its own time. */
  private inTime(refresh: Promise<boolean>): Promise<boolean> {
    const waiting = new AbortController();
    const late = this.options.clock.sleep(snapshotMsMax, waiting.signal).then(() => false);
    return Promise.race([refresh, late]).finally(() => waiting.abort());
  }
}

function isSame(one: GivenPosition | null, other: GivenPosition | undefined): boolean {
  return one?.claimId === other?.claimId && one?.position === other?.position;
}
