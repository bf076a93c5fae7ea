// SPDX-License-Identifier: GPL-3.0-or-later
import type { Delivery } from './ports.ts';

/** A delivery with its place in the order of its partition. */
export type HeldDelivery = { delivery: Delivery; number: number };

const waitMsMin = 50;
const waitMsMax = 1_000;

/**
 * The deliveries of one partition that are not under way, in their order. After a failure the partition waits, longer after
 * each further one until a claim is decided. Claims that fail together, as those of one batch do, are one failure.
 */
export class HeldDeliveries {
  private held: HeldDelivery[] = [];
  /** The place of the first one in `held`. */
  private first = 0;
  private lastNumber = 0;
  private failuresInARow = 0;
  private waitUntilMs = Number.NEGATIVE_INFINITY;
  /** Whether a timer looks at the partition again. */
  isTimed = false;

  /** The one that is next. */
  get next(): HeldDelivery | undefined {
    return this.held[this.first];
  }

  get size(): number {
    return this.held.length - this.first;
  }

  /** Adds one that was just delivered. */
  add(delivery: Delivery): void {
    this.lastNumber += 1;
    this.held.push({ delivery, number: this.lastNumber });
  }

  /** Removes the next one. */
  removeNext(): void {
    this.first += 1;
    // Each one is moved once at most for each time that one is removed.
    if (this.first * 2 < this.held.length) return;
    this.held = this.held.slice(this.first);
    this.first = 0;
  }

  /** Puts one back in its place. */
  putBack(held: HeldDelivery): void {
    let index = this.first;
    while (index < this.held.length && (this.held[index] as HeldDelivery).number < held.number) {
      index += 1;
    }
    this.held.splice(index, 0, held);
  }

  /** An attempt has failed for a reason that is likely to last for a moment. */
  failed(nowMs: number): void {
    if (this.mustWait(nowMs)) return;
    const waitMs = Math.min(waitMsMin * 2 ** Math.min(this.failuresInARow, 10), waitMsMax);
    this.failuresInARow += 1;
    this.waitUntilMs = nowMs + waitMs;
  }

  /** A claim was decided. */
  succeeded(): void {
    this.failuresInARow = 0;
  }

  mustWait(nowMs: number): boolean {
    return nowMs < this.waitUntilMs;
  }
}
