// SPDX-License-Identifier: GPL-3.0-or-later
import { SharedRead } from '../shared-read.ts';
import type { ClaimStore } from './ports.ts';

/** The limits of `KnownCoupons`. */
export type KnownCouponsOptions = {
  store: Pick<ClaimStore, 'findCouponNames'>;
  /** Names that are remembered; the longest remembered gives way. */
  namesMax: number;
  /** Claims that may wait for a look-up; the next one hears `overloaded`. */
  waitingMax: number;
};

const namesPerLookUpMax = 500;

/**
 * Keeps names of no coupon away from the lanes, which anybody could open otherwise. All names not known are looked up
 * together. A name that was found is remembered, since coupons are never deleted; one that was not found is not, so
 * that a claim right after the coupon's creation works.
 */
export class KnownCoupons {
  private names = new Set<string>();
  private readonly namesMax: number;
  private readonly lookUp: SharedRead<true>;

  constructor(options: KnownCouponsOptions) {
    this.namesMax = options.namesMax;
    this.lookUp = new SharedRead<true>({
      load: async (names) => {
        const found = await options.store.findCouponNames(names);
        return new Map([...found].map((name) => [name, true]));
      },
      keysMax: namesPerLookUpMax,
      readersMax: options.waitingMax,
      // Nobody who waits here may be overtaken by a claim that comes when the name is known and waits no more.
      unchanging: true,
    });
  }

  /** Whether the name is remembered. */
  has(name: string): boolean {
    return this.names.has(name);
  }

  /** Whether there is such a coupon, as of a moment after this call; those who ask for one name are told in order. */
  async find(name: string): Promise<boolean> {
    const { names } = this;
    const found = (await this.lookUp.read(name)) === true;
    // Forgotten meanwhile: then another server may have answered than the one that is asked now.
    if (found && names === this.names) this.remember(name);
    return found;
  }

  /** For a name that turned out to be gone, as after a restore of the database under a running service. */
  forget(name: string): void {
    this.names.delete(name);
  }

  /** For when another server may have taken over, which may lack the last coupons. */
  forgetAll(): void {
    this.names = new Set();
  }

  private remember(name: string): void {
    if (this.names.size >= this.namesMax && !this.names.has(name)) {
      for (const oldest of this.names) {
        this.names.delete(oldest);
        break;
      }
    }
    this.names.add(name);
  }
}
