// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * The deliveries of a channel that are not acknowledged. One acknowledgement settles all up to its number, so only those
 * before the first unsettled one can be acknowledged.
 */
export class AckWindow {
  /** The first delivery that is not settled. Deliveries of a channel count from 1. */
  private first = 1;
  private acknowledged = 0;
  private readonly settled = new Set<number>();

  /** A delivery is settled. */
  settle(deliveryTag: number): void {
    this.settled.add(deliveryTag);
    while (this.settled.delete(this.first)) this.first += 1;
  }

  /** The delivery up to which all can be acknowledged, once; undefined when there is nothing new. */
  takeAcknowledgeable(): number | undefined {
    const last = this.first - 1;
    if (last === this.acknowledged) return undefined;
    this.acknowledged = last;
    return last;
  }
}
