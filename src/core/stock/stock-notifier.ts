// SPDX-License-Identifier: GPL-3.0-or-later
import type { ChangeClaim } from '../claims/change-claim.ts';
import type { Clock } from '../clock.ts';
import type { AddStock } from '../coupons/add-stock.ts';
import { OldestOut } from '../oldest-out.ts';
import type { SoldOutCache } from './sold-out-cache.ts';
import type { StockNotification, StockNotifications } from './stock-notifications.ts';

/** What the notifier works with. */
export type StockNotifierOptions = {
  notifications: StockNotifications;
  soldOut: Pick<SoldOutCache, 'load' | 'endRefusals'>;
  clock: Pick<Clock, 'nowMs' | 'sleep'>;
  /** Whether this process has had a claim of the coupon. Others are not worth a load. */
  isKnown(couponName: string): boolean;
};

type Kind = StockNotification['kind'];

/** What was last found or received about a coupon, and what was last sent or received. */
type Known = { kind: Kind; shared: Kind; sharedAtMs: number; isWaiting: boolean };

const couponsMax = 10_000;
// Units of holds that expire one after the other come back and sell out again many times a second. Each notification would
// make every process take a snapshot.
const pauseMs = 100;

/**
 * Notifies the other processes when a coupon sells out, and when units of it have come back; and does what their
 * notifications are for: a process loads a sold-out coupon before it has sent a claim of its own to the database, and
 * passes claims to the database when units are back. No answer depends on it: the sold-out cache refuses only by its own
 * snapshots.
 *
 * Each change is sent once by each process that finds it before a notification of it arrives; of several soon after each
 * other, the last one. One that is lost is not sent again: then a process finds out by itself, as without notifications.
 */
export class StockNotifier {
  private readonly options: StockNotifierOptions;
  private readonly known = new OldestOut<Known>(couponsMax);

  constructor(options: StockNotifierOptions) {
    this.options = options;
    options.notifications.subscribe((notification) => this.received(notification));
  }

  /** Finds by the answers of the database that a coupon has sold out, or has units again. */
  wrapClaim<Command extends { couponName: string }, Outcome extends { outcome: string }>(
    claimCoupon: (command: Command) => Promise<Outcome>,
  ): (command: Command) => Promise<Outcome> {
    return async (command) => {
      const { couponName } = command;
      const before = this.known.get(couponName)?.kind;
      const outcome = await claimCoupon(command);
      // What has changed while the claim was decided may be newer than its decision.
      if (this.known.get(couponName)?.kind !== before) return outcome;
      if (outcome.outcome === 'sold_out') this.found('sold_out', couponName);
      // Such as the unit of an expired hold, or one that a program of an older release has put back.
      if (outcome.outcome === 'claimed' && before === 'sold_out') this.unitsBack(couponName);
      return outcome;
    };
  }

  /** Sends a notification after each release. */
  wrapChangeClaim(changeClaim: ChangeClaim): ChangeClaim {
    return async (command) => {
      const outcome = await changeClaim(command);
      if (command.change === 'release' && outcome.outcome === 'changed') {
        this.unitsBack(command.couponName);
      }
      return outcome;
    };
  }

  /** Sends a notification after units were added. */
  wrapAddStock(addStock: AddStock): AddStock {
    return async (addition, by) => {
      const added = await addStock(addition, by);
      if (!added.replayed) this.unitsBack(addition.name);
      return added;
    };
  }

  /** Units of a coupon were put back on sale by this process. */
  unitsBack(couponName: string): void {
    this.found('units_back', couponName);
  }

  private found(kind: Kind, couponName: string): void {
    const known = this.known.get(couponName);
    if (known === undefined) {
      this.remember(kind, couponName);
      this.options.notifications.send({ kind, couponName });
      return;
    }
    known.kind = kind;
    if (known.isWaiting || known.shared === kind) return;
    const { clock } = this.options;
    const waitMs = known.sharedAtMs + pauseMs - clock.nowMs();
    if (waitMs <= 0) {
      this.send(known, couponName);
      return;
    }
    known.isWaiting = true;
    void clock.sleep(waitMs).then(() => {
      known.isWaiting = false;
      if (known.kind !== known.shared) this.send(known, couponName);
    });
  }

  private send(known: Known, couponName: string): void {
    known.shared = known.kind;
    known.sharedAtMs = this.options.clock.nowMs();
    this.options.notifications.send({ kind: known.kind, couponName });
  }

  private received({ kind, couponName }: StockNotification): void {
    const { soldOut, isKnown } = this.options;
    this.remember(kind, couponName);
    if (kind === 'units_back') soldOut.endRefusals(couponName);
    else if (isKnown(couponName)) soldOut.load(couponName);
  }

  private remember(kind: Kind, couponName: string): void {
    const now = { kind, shared: kind, sharedAtMs: this.options.clock.nowMs() };
    const known = this.known.get(couponName);
    if (known !== undefined) {
      Object.assign(known, now);
      return;
    }
    this.known.set(couponName, { ...now, isWaiting: false });
  }
}
