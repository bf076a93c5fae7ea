// SPDX-License-Identifier: GPL-3.0-or-later
/** Simulated time and chance of generated histories. */

/** Runs actions in order of their time, those of equal time in order of addition. */
export class Schedule {
  ms = 0;
  readonly #heap: { ms: number; turn: number; action: () => void }[] = [];
  #turns = 0;

  at(ms: number, action: () => void): void {
    this.#turns += 1;
    const heap = this.#heap;
    const entry = { ms, turn: this.#turns, action };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent] as typeof entry)) break;
      heap[index] = heap[parent] as typeof entry;
      index = parent;
    }
    heap[index] = entry;
  }

  run(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.ms = Math.max(this.ms, next.ms);
      next.action();
    }
  }

  #take() {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as typeof right)) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || !isBefore(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

type Entry = { ms: number; turn: number };

function isBefore(a: Entry, b: Entry): boolean {
  return a.ms < b.ms || (a.ms === b.ms && a.turn < b.turn);
}

/** Pseudo-random numbers from 0 up to, not including, 1; the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
