// SPDX-License-Identifier: GPL-3.0-or-later

import type { ClaimOutcome } from '../claims/claim.ts';
import type { ClaimCoupon } from '../claims/claim-coupon.ts';
import type { SoldOutReader, StockSnapshot } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import type { ChangeCoupon } from '../coupons/change-coupon.ts';
import { SharedRead } from '../shared-read.ts';
import { claimCount } from './assumptions.ts';
import { HolderSet } from './holder-set.ts';
import { loadHolders } from './load-holders.ts';
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

type CachedCoupon = {
  holders: HolderSet;
  claims: number;
  /** The stock version that the holders belong to. */
  version: string;
  validUntilMs: number;
  requestedAtMs: number;
  /** The refresh that is running, shared by all claims that need one. */
  refresh: Promise<boolean> | undefined;
};

// A coupon without requests for this long is removed.
const unrequestedMsMax = 60_000;
// A coupon without requests for this long makes room for another one.
const unrequestedMsMin = 5_000;
// A snapshot that takes longer means that the database is in trouble.
const snapshotMsMax = 500;
const namesPerSnapshotMax = 500;

const soldOut: ClaimOutcome = { outcome: 'sold_out' };

/**
 * Answers `sold_out` without the database, which is the answer to nearly every request of a sale. While a coupon is sold
 * out, no user but its holders can get another answer. The cache knows the holders: it refuses all other users, and
 * passes a holder, or a user that may be one, to the database.
 *
 * A stock snapshot confirms every 500 ms that the coupon is still sold out, only while there are requests. A change that
 * puts units back on sale is announced and waits longer than that (`announced-change.ts`), and an announced coupon is
 * not cached. So no claim is refused from the cache if units were left when the request arrived, whichever process has
 * put them there.
 */
export class SoldOutCache {
  private readonly options: SoldOutCacheOptions;
  private readonly cached = new Map<string, CachedCoupon>();
  /** Coupons that are being loaded. Replacing or removing the token cancels the load. */
  private readonly loading = new Map<string, symbol>();
  /** Coupons that this process is changing, with the number of changes in progress. */
  private readonly changing = new Map<string, number>();
  private readonly snapshots: SharedRead<StockSnapshot>;
  private holders = 0;
  private isLoading = false;
  private noLoadUntilMs = Number.NEGATIVE_INFINITY;
  private readonly stopSweep: () => void;

  constructor(options: SoldOutCacheOptions) {
    this.options = options;
    this.snapshots = new SharedRead<StockSnapshot>({
      load: (names) => options.reader.readStock(names),
      keysMax: namesPerSnapshotMax,
      readersMax: options.waitingMax,
    });
    this.stopSweep = options.clock.every(unrequestedMsMax / 4, () => this.sweep());
  }

  /** Cached coupons and holders. */
  size(): { coupons: number; holders: number } {
    return { coupons: this.cached.size, holders: this.holders };
  }

  /** Puts the cache in front of a claim. */
  wrap(claimCoupon: ClaimCoupon): ClaimCoupon {
    return (command) => {
      const coupon = this.cached.get(command.couponName);
      if (coupon === undefined) return claimCoupon(command);
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
    if (this.cached.has(couponName)) return;
    const token = Symbol(couponName);
    this.loading.set(couponName, token);
    this.isLoading = true;
    // The token stays for a while after a failed load: otherwise each refusal would start the next one.
    void this.loadCoupon(couponName, token)
      .catch(() => undefined)
      .finally(() => {
        this.isLoading = false;
      })
      .then(() => (this.cached.has(couponName) ? undefined : clock.sleep(snapshotTtlMs)))
      .finally(() => {
        if (this.loading.get(couponName) === token) this.loading.delete(couponName);
      });
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
    this.cached.clear();
    this.holders = 0;
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
    if (!isSoldOut(snapshot) || snapshot.version !== coupon.version) {
      this.remove(couponName);
      return false;
    }
    coupon.validUntilMs = Math.max(coupon.validUntilMs, requestedAtMs + validForMs(snapshot));
    return true;
  }

  /** Reads all holders between two snapshots with the same version: then there was no other claim in between. */
  private async loadCoupon(couponName: string, token: symbol): Promise<void> {
    const { reader, seed, clock } = this.options;
    const isCancelled = () => this.loading.get(couponName) !== token;
    const before = await this.snapshots.read(couponName);
    if (!isSoldOut(before)) return;
    const claims = claimCount(before);
    if (!this.makeRoom(claims)) return;
    const holders = new HolderSet(claims, seed);
    const isComplete = await loadHolders({ reader, couponName, holders, claims, isCancelled });
    if (!isComplete) return;
    const requestedAtMs = clock.nowMs();
    const after = await this.snapshots.read(couponName);
    if (!isSoldOut(after) || after.version !== before.version) return;
    if (isCancelled() || !this.makeRoom(claims)) return;
    this.holders += claims;
    this.cached.set(couponName, {
      ...{ holders, claims, version: before.version, requestedAtMs, refresh: undefined },
      validUntilMs: requestedAtMs + validForMs(after),
    });
  }

  private remove(couponName: string): void {
    this.loading.delete(couponName);
    const coupon = this.cached.get(couponName);
    if (coupon === undefined) return;
    this.cached.delete(couponName);
    this.holders -= coupon.claims;
  }

  /**
   * Removes the coupons without requests for the longest time until `count` holders fit. Returns false if they do not fit:
   * a coupon with steady requests stays, or two crowds would remove each other's coupon in turn.
   */
  private makeRoom(count: number): boolean {
    const { holdersMax, clock } = this.options;
    if (count > holdersMax) return false;
    const before = clock.nowMs() - unrequestedMsMin;
    const byAge = [...this.cached].sort(
      ([, one], [, other]) => one.requestedAtMs - other.requestedAtMs,
    );
    for (const [name, { requestedAtMs }] of byAge) {
      if (this.holders + count <= holdersMax || requestedAtMs > before) break;
      this.remove(name);
    }
    return this.holders + count <= holdersMax;
  }

  /** The result of a refresh, or false if it takes too long: then the database decides, in its own time. */
  private inTime(refresh: Promise<boolean>): Promise<boolean> {
    const waiting = new AbortController();
    const late = this.options.clock.sleep(snapshotMsMax, waiting.signal).then(() => false);
    return Promise.race([refresh, late]).finally(() => waiting.abort());
  }

  private sweep(): void {
    const before = this.options.clock.nowMs() - unrequestedMsMax;
    for (const [name, { requestedAtMs }] of this.cached)
      if (requestedAtMs < before) this.remove(name);
  }
}
