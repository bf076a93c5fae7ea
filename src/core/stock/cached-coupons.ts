// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from '../clock.ts';
import { HolderSet } from './holder-set.ts';
import type { GivenPosition } from './ports.ts';

/** What the sold-out cache knows of a coupon. */
export type CachedCoupon = {
  /** Holders, and users who were holders until their claims were released. */
  holders: HolderSet;
  /** Every user with a live claim up to this one is in the set; undefined: the set is new. */
  lastClaim: GivenPosition | undefined;
  /** No user but the holders can have a claim. While false, the database decides, and the holders are kept for later. */
  isSoldOut: boolean;
  validUntilMs: number;
  requestedAtMs: number;
  /** The refresh that is running, shared by all claims that need one. */
  refresh: Promise<boolean> | undefined;
};

// A coupon without requests for this long is removed.
const unrequestedMsMax = 60_000;
// A coupon without requests for this long makes room for another one.
const unrequestedMsMin = 5_000;

/** The coupons of the sold-out cache, with at most `holdersMax` holders in all. */
export class CachedCoupons {
  private readonly clock: Pick<Clock, 'nowMs'>;
  private readonly holdersMax: number;
  private readonly coupons = new Map<string, CachedCoupon>();

  constructor(clock: Pick<Clock, 'nowMs'>, holdersMax: number) {
    this.clock = clock;
    this.holdersMax = holdersMax;
  }

  /** The coupons that are sold out, and the holders of all. */
  size(): { coupons: number; holders: number } {
    let [coupons, holders] = [0, 0];
    for (const coupon of this.coupons.values()) {
      if (coupon.isSoldOut) coupons += 1;
      holders += coupon.holders.size;
    }
    return { coupons, holders };
  }

  get(name: string): CachedCoupon | undefined {
    return this.coupons.get(name);
  }

  /** Adds a coupon that is not sold out yet, without holders. */
  add(name: string, seed: number): CachedCoupon {
    const coupon = {
      ...{ holders: new HolderSet(seed), lastClaim: undefined, isSoldOut: false },
      ...{ validUntilMs: 0, requestedAtMs: this.clock.nowMs(), refresh: undefined },
    };
    this.coupons.set(name, coupon);
    return coupon;
  }

  remove(name: string): void {
    this.coupons.delete(name);
  }

  removeAll(): void {
    this.coupons.clear();
  }

  /** Removes the coupons without requests for a minute. */
  removeUnrequested(): void {
    const before = this.clock.nowMs() - unrequestedMsMax;
    for (const [name, { requestedAtMs }] of this.coupons) {
      if (requestedAtMs < before) this.remove(name);
    }
  }

  /**
   * Removes the coupons without requests for the longest time until `count` more holders fit. Returns false if they do
   * not fit: a coupon with steady requests stays, or two crowds would remove each other's coupon in turn.
   */
  makeRoom(count: number): boolean {
    if (count > this.holdersMax) return false;
    let { holders } = this.size();
    if (holders + count <= this.holdersMax) return true;
    const before = this.clock.nowMs() - unrequestedMsMin;
    const byAge = [...this.coupons].sort(
      ([, one], [, other]) => one.requestedAtMs - other.requestedAtMs,
    );
    for (const [name, coupon] of byAge) {
      if (coupon.requestedAtMs > before) break;
      this.remove(name);
      holders -= coupon.holders.size;
      if (holders + count <= this.holdersMax) return true;
    }
    return false;
  }
}
