// SPDX-License-Identifier: GPL-3.0-or-later

type Entry<T> = { dueMs: number; count: number; item: T };

/** A priority queue by due time, first in first out among equal times; a binary heap. */
export class DelayQueue<T> {
  private readonly heap: Entry<T>[] = [];
  private added = 0;

  get size(): number {
    return this.heap.length;
  }

  /** The due time of the first item; undefined while the queue is empty. */
  get firstDueMs(): number | undefined {
    return this.heap[0]?.dueMs;
  }

  add(dueMs: number, item: T): void {
    const { heap } = this;
    const entry = { dueMs, count: this.added, item };
    this.added += 1;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  /** Removes and returns the first item if it is due at `ms`. */
  takeDue(ms: number): T | undefined {
    const first = this.heap[0];
    if (first === undefined || first.dueMs > ms) return undefined;
    const last = this.heap.pop();
    if (last !== undefined && last !== first) this.sink(last);
    return first.item;
  }

  clear(): void {
    this.heap.length = 0;
  }

  private sink(entry: Entry<T>): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      const left = heap[at * 2 + 1];
      const right = heap[at * 2 + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (isBefore(entry, child)) break;
      heap[at] = child;
      at = at * 2 + (isRight ? 2 : 1);
    }
    heap[at] = entry;
  }
}

function isBefore<T>(one: Entry<T>, other: Entry<T>): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.count < other.count);
}
