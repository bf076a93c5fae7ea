// SPDX-License-Identifier: GPL-3.0-or-later

import type { ClaimOutcome } from '../claims/claim.ts';
import type { ClaimCoupon } from '../claims/claim-coupon.ts';
import type { SoldOutReader, StockSnapshot } from '../claims/ports.ts';
import type { Clock } from '../clock.ts';
import type { ManageCoupon } from '../coupons/manage-coupon.ts';
import { SharedRead } from '../shared-read.ts';
import { HolderSet } from './holder-set.ts';
import { snapshotTtlMs } from './snapshot-ttl.ts';

/** What the memory works with, and its bounds. */
export type SoldOutCacheOptions = {
  reader: SoldOutReader;
  clock: Clock;
  /** Holders remembered in all; a coupon that does not fit is left to the database. 0: nothing is remembered. */
  holdersMax: number;
  /** Claims that may wait for a look at the stock. */
  waitingMax: number;
  /** A number of 32 bits that callers cannot know. */
  seed: number;
};

type Memory = {
  holders: HolderSet;
  amount: number;
  version: string;
  /** Until when the last look holds. */
  freshUntilMs: number;
  requestedAtMs: number;
  /** The look that is under way, for all who need one. */
  look: Promise<boolean> | undefined;
};

// A sale that nobody asks for any more gives its memory back.
const unrequestedMsMax = 60_000;
// Not asked for during this, a coupon gives way to another.
const unrequestedMsMin = 5_000;
// A look that takes longer has met a database in trouble.
const snapshotMsMax = 500;
const holdersPerPage = 5000;
const namesPerSnapshotMax = 500;

const soldOut: ClaimOutcome = { outcome: 'sold_out' };

/**
 * Answers what nearly every request of a sale hears, `sold_out`, without the database. While a coupon is sold out, all
 * who hold it are known: nobody else can win until stock is added. Whoever is not among them is refused from memory;
 * whoever is, or seems to be, is decided by the database, so that a holder hears that he holds.
 *
 * Whether that is still so is asked once for each coupon and 500 ms, only while somebody asks. Whoever adds stock to a
 * sold out coupon announces it and waits for longer than that before he adds, and a coupon that is announced is not
 * remembered. An answer from memory is therefore never given where stock was left when the request arrived, whichever
 * process added it.
 */
export class SoldOutCache {
  private readonly options: SoldOutCacheOptions;
  private readonly memories = new Map<string, Memory>();
  /** Coupons whose holders are being read. What replaces or removes the token makes that reading void. */
  private readonly learning = new Map<string, symbol>();
  /** Coupons that this process is changing, with the number of changes under way. */
  private readonly changing = new Map<string, number>();
  private readonly looks: SharedRead<StockSnapshot>;
  private holders = 0;
  private reading = false;
  private readonly stopSweep: () => void;

  constructor(options: SoldOutCacheOptions) {
    this.options = options;
    this.looks = new SharedRead<StockSnapshot>({
      load: (names) => options.reader.readStock(names),
      keysMax: namesPerSnapshotMax,
      readersMax: options.waitingMax,
    });
    this.stopSweep = options.clock.every(unrequestedMsMax / 4, () => this.sweep());
  }

  /** Coupons and holders that are remembered. */
  size(): { coupons: number; holders: number } {
    return { coupons: this.memories.size, holders: this.holders };
  }

  /** Puts the memory in front of a claim. */
  wrap(claimCoupon: ClaimCoupon): ClaimCoupon {
    return (command) => {
      const memory = this.memories.get(command.couponName);
      if (memory === undefined) return claimCoupon(command);
      const nowMs = this.options.clock.nowMs();
      memory.requestedAtMs = nowMs;
      if (memory.holders.has(command.userId)) return claimCoupon(command);
      if (nowMs < memory.freshUntilMs) return Promise.resolve(soldOut);
      memory.look ??= this.isStillSoldOut(command.couponName, memory);
      // A look that began too long before this request arrived, or takes too long, says nothing about it.
      return this.inTime(memory.look).then((still) =>
        still && nowMs < memory.freshUntilMs ? soldOut : claimCoupon(command),
      );
    };
  }

  /**
   * To be called when the database has refused a claim because the coupon is sold out: reads who holds it. A failure,
   * or too many holders, leaves the coupon to the database as before.
   */
  learn(couponName: string): void {
    if (this.options.holdersMax === 0) return;
    // One at a time: the holders that are being read count towards no bound yet.
    if (this.reading || this.learning.has(couponName) || this.changing.has(couponName)) return;
    if (this.memories.has(couponName)) return;
    const token = Symbol(couponName);
    this.learning.set(couponName, token);
    this.reading = true;
    // Not tried again at once: under a crowd every refusal would begin anew.
    void this.readHolders(couponName, token)
      .catch(() => undefined)
      .finally(() => {
        this.reading = false;
      })
      .then(() =>
        this.memories.has(couponName) ? undefined : this.options.clock.sleep(snapshotTtlMs),
      )
      .finally(() => {
        if (this.learning.get(couponName) === token) this.learning.delete(couponName);
      });
  }

  /** Puts the memory behind the changes that make it untrue. */
  wrapChanges(manageCoupon: ManageCoupon): ManageCoupon {
    return {
      ...manageCoupon,
      change: (name, change) => this.whileChanging(name, () => manageCoupon.change(name, change)),
    };
  }

  /** Runs a change of a coupon during and before which nothing about it is remembered. */
  async whileChanging<Result>(couponName: string, change: () => Promise<Result>): Promise<Result> {
    this.changing.set(couponName, (this.changing.get(couponName) ?? 0) + 1);
    this.forget(couponName);
    try {
      return await change();
    } finally {
      const left = (this.changing.get(couponName) ?? 1) - 1;
      if (left === 0) this.changing.delete(couponName);
      else this.changing.set(couponName, left);
    }
  }

  /**
   * For when another server may have taken over, which may know of other claims and other stock. What is being read from
   * the old one is not remembered, and a look at it that is under way refuses nobody.
   */
  forgetAll(): void {
    this.learning.clear();
    this.memories.clear();
    this.holders = 0;
  }

  /** Ends the sweeping. */
  stop(): void {
    this.stopSweep();
  }

  private async isStillSoldOut(couponName: string, memory: Memory): Promise<boolean> {
    const lookedAtMs = this.options.clock.nowMs();
    const look = await this.looks.read(couponName).catch(() => undefined);
    memory.look = undefined;
    // Forgotten meanwhile, as when this process paused the sale: then the look may be older than the change.
    if (this.memories.get(couponName) !== memory) return false;
    if (!isSoldOut(look) || look.version !== memory.version) {
      this.forget(couponName);
      return false;
    }
    memory.freshUntilMs = Math.max(memory.freshUntilMs, lookedAtMs + holdsMs(look));
    return true;
  }

  /** Reads all holders between two looks that find the same stock sold out: then nobody came in between. */
  private async readHolders(couponName: string, token: symbol): Promise<void> {
    const before = await this.looks.read(couponName);
    if (!isSoldOut(before) || !this.makeRoom(before.amount)) return;
    const holders = new HolderSet(before.amount, this.options.seed);
    let read = 0;
    for (let position = 0; position < before.amount; position += holdersPerPage) {
      const page = await this.options.reader.listHolders({
        couponName,
        afterPosition: position,
        limit: holdersPerPage,
      });
      if (this.learning.get(couponName) !== token) return;
      for (const userId of page) holders.add(userId);
      read += page.length;
    }
    const lookedAtMs = this.options.clock.nowMs();
    const after = await this.looks.read(couponName);
    if (!isSoldOut(after) || after.version !== before.version || read !== before.amount) return;
    if (this.learning.get(couponName) !== token || !this.makeRoom(before.amount)) return;
    this.holders += before.amount;
    this.memories.set(couponName, {
      holders,
      amount: before.amount,
      version: before.version,
      freshUntilMs: lookedAtMs + holdsMs(after),
      requestedAtMs: lookedAtMs,
      look: undefined,
    });
  }

  private forget(couponName: string): void {
    this.learning.delete(couponName);
    const memory = this.memories.get(couponName);
    if (memory === undefined) return;
    this.memories.delete(couponName);
    this.holders -= memory.amount;
  }

  /**
   * Forgets what was not asked for longest until `count` holders fit. False when they do not, since what is asked for
   * all the time stays: two crowds must not throw out each other's memory in turn.
   */
  private makeRoom(count: number): boolean {
    const { holdersMax, clock } = this.options;
    if (count > holdersMax) return false;
    const before = clock.nowMs() - unrequestedMsMin;
    const byAge = [...this.memories].sort(
      ([, one], [, other]) => one.requestedAtMs - other.requestedAtMs,
    );
    for (const [name, { requestedAtMs }] of byAge) {
      if (this.holders + count <= holdersMax || requestedAtMs > before) break;
      this.forget(name);
    }
    return this.holders + count <= holdersMax;
  }

  /** The answer of a look, or false when it does not come in time: then the database decides, in its own time. */
  private inTime(look: Promise<boolean>): Promise<boolean> {
    const waiting = new AbortController();
    const late = this.options.clock.sleep(snapshotMsMax, waiting.signal).then(() => false);
    return Promise.race([look, late]).finally(() => waiting.abort());
  }

  private sweep(): void {
    const before = this.options.clock.nowMs() - unrequestedMsMax;
    for (const [name, memory] of this.memories)
      if (memory.requestedAtMs < before) this.forget(name);
  }
}

function isSoldOut(look: StockSnapshot | undefined): look is StockSnapshot {
  // What is announced may be added as soon as every older look has ended: none may be learned or renewed meanwhile.
  return (
    look !== undefined &&
    look.state === 'open' &&
    look.remainingAmount === 0 &&
    !look.stockAnnounced
  );
}

/** A look does not outlast the sale: after its end the answer is another one. */
function holdsMs(look: StockSnapshot): number {
  return Math.min(snapshotTtlMs, look.closesInMs ?? snapshotTtlMs);
}
