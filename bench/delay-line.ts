// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * What is on its way, in the order in which it left: each item arrives `delayMs` after it was put in, however much
 * else is on the way. The time is an argument, so that tests need no waiting.
 */
export class DelayLine<Item> {
  private readonly delayMs: number;
  private items: { item: Item; dueMs: number }[] = [];
  private first = 0;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  /** When the next item arrives; undefined when nothing is on its way. */
  get nextDueMs(): number | undefined {
    return this.items[this.first]?.dueMs;
  }

  put(item: Item, nowMs: number): void {
    this.items.push({ item, dueMs: nowMs + this.delayMs });
  }

  /** Hands over what has arrived, in order. */
  deliver(nowMs: number, receive: (item: Item) => void): void {
    for (;;) {
      const next = this.items[this.first];
      if (next === undefined || next.dueMs > nowMs) break;
      this.first += 1;
      receive(next.item);
    }
    if (this.first === this.items.length) {
      this.items = [];
      this.first = 0;
    }
  }
}
