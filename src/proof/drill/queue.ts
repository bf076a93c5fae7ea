// SPDX-License-Identifier: GPL-3.0-or-later
/** A queue, first in, first out. Each call takes amortised constant time. */
export class Queue<T> {
  private items: (T | undefined)[] = [];
  private start = 0;

  /** The item that `shift` returns next. */
  get first(): T | undefined {
    return this.items[this.start];
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.items.push(item);
  }

  /** Removes the first item. Returns undefined when the queue is empty. */
  shift(): T | undefined {
    const item = this.items[this.start];
    if (item === undefined) return undefined;
    this.items[this.start] = undefined;
    this.start += 1;
    if (this.start > 1024 && this.start * 2 > this.items.length) {
      this.items = this.items.slice(this.start);
      this.start = 0;
    }
    return item;
  }
}
