// SPDX-License-Identifier: GPL-3.0-or-later

// Longer than a change of a coupon holds its lock.
const lockedMsMin = 5_000;
const trialMs = 1_000;
// The lock may have ended since. Shorter than claims wait before they are tried again.
const knownMsMax = 10_000;
const couponsMax = 10_000;

/** A coupon whose claims the database refuses for now. */
type Refused = { sinceMs: number; lastMs: number; nextTrialMs: number };

/**
 * The coupons that another session has locked for so long that their claims make way for those of other coupons. One claim
 * of each is tried from time to time.
 */
export class LockedCoupons {
  private readonly refusedByName = new Map<string, Refused>();

  /** The database was up, and has refused a claim of the coupon for now. */
  refused(couponName: string, nowMs: number): void {
    const refused = this.refusedByName.get(couponName);
    if (refused !== undefined) {
      refused.lastMs = nowMs;
      return;
    }
    if (this.refusedByName.size >= couponsMax) this.refusedByName.clear();
    this.refusedByName.set(couponName, { sinceMs: nowMs, lastMs: nowMs, nextTrialMs: nowMs });
  }

  /** A claim of the coupon was decided. */
  decided(couponName: string): void {
    this.refusedByName.delete(couponName);
  }

  /** The database was away, so its refusals do not say that coupons are locked. */
  forgetAll(): void {
    this.refusedByName.clear();
  }

  isLocked(couponName: string, nowMs: number): boolean {
    const refused = this.refusedByName.get(couponName);
    if (refused === undefined || nowMs - refused.lastMs > knownMsMax) return false;
    return nowMs - refused.sinceMs >= lockedMsMin;
  }

  /**
   * Whether a claim of the coupon makes way now, `mayEnter`: instead of entering its lane. Of a locked coupon one in `trialMs`
   * enters.
   */
  makesWay(couponName: string, nowMs: number, mayEnter: boolean): boolean {
    const refused = this.refusedByName.get(couponName);
    if (refused === undefined || !this.isLocked(couponName, nowMs)) return false;
    if (!mayEnter || nowMs < refused.nextTrialMs) return true;
    refused.nextTrialMs = nowMs + trialMs;
    return false;
  }
}
