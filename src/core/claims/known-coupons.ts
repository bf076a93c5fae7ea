// SPDX-License-Identifier: GPL-3.0-or-later
import { OldestOut } from '../oldest-out.ts';
import { SharedRead } from '../shared-read.ts';
import type { ClaimStore } from './ports.ts';

/** The limits of `KnownCoupons`. */
export type KnownCouponsOptions = {
  store: Pick<ClaimStore, 'findCouponNames'>;
  /** Names in the cache; the oldest one makes room. */
  namesMax: number;
  /** Claims that may wait for a look-up; one more gets `overloaded`. */
  waitingMax: number;
};

const namesPerLookUpMax = 500;

/**
 * The coupon names cache. It keeps names of no coupon away from the lanes, which any caller could open otherwise. Names
 * that are not in the cache are looked up together. A name that is found stays in the cache, since coupons are never
 * deleted; a name that is not found does not, so that a claim right after the coupon's creation works.
 */
export class KnownCoupons {
  private names: OldestOut<true>;
  private readonly namesMax: number;
  private readonly lookUp: SharedRead<true>;

  constructor(options: KnownCouponsOptions) {
    this.namesMax = options.namesMax;
    this.names = new OldestOut(options.namesMax);
    this.lookUp = new SharedRead<true>({
      load: async (names) => {
        const found = await options.store.findCouponNames(names);
        return new Map([...found].map((name) => [name, true]));
      },
      keysMax: namesPerLookUpMax,
      readersMax: options.waitingMax,
      // A claim that waits here must not be overtaken by a later one that finds the name in the cache.
      unchanging: true,
    });
  }

  /** Whether the name is in the cache. */
  has(name: string): boolean {
    return this.names.has(name);
  }

  /** Whether there is such a coupon, as of a moment after this call. Callers that look for one name resolve in order. */
  async find(name: string): Promise<boolean> {
    const { names } = this;
    const found = (await this.lookUp.read(name)) === true;
    // When the cache was emptied meanwhile, the answer may be that of another server.
    if (found && names === this.names && !names.has(name)) names.set(name, true);
    return found;
  }

  /** For a coupon that no longer exists, as after a restore of the database under a running service. */
  forget(name: string): void {
    this.names.delete(name);
  }

  /** For when another server may have taken over, which may lack the newest coupons. */
  forgetAll(): void {
    this.names = new OldestOut(this.namesMax);
  }
}

type NotFound = { outcome: 'coupon_not_found' };

/** Refuses claims, and changes of claims, of coupons that do not exist. */
export function withKnownCoupons<Command extends { couponName: string }, Outcome>(
  decide: (command: Command) => Promise<Outcome>,
  knownCoupons: Pick<KnownCoupons, 'has' | 'find'>,
): (command: Command) => Promise<Outcome | NotFound> {
  return (command) => {
    if (knownCoupons.has(command.couponName)) return decide(command);
    return knownCoupons
      .find(command.couponName)
      .then<Outcome | NotFound>((found) =>
        found ? decide(command) : { outcome: 'coupon_not_found' },
      );
  };
}
