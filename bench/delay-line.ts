// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * A queue in which each item becomes due `delayMs` after it was added, however many others are in the queue. The time
 * is an argument, so that tests do not wait.
 */
export class DelayLine<Item> {
  private readonly delayMs: number;
  private items: { item: Item; dueMs: number }[] = [];
  private first = 0;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  /** When the next item is due; undefined when the queue is empty. */
  get nextDueMs(): number | undefined {
    return this.items[this.first]?.dueMs;
  }

  add(item: Item, nowMs: number): void {
    this.items.push({ item, dueMs: nowMs + this.delayMs });
  }

  /** Passes every item that is due to `receive`, in order. */
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
