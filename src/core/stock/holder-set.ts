// SPDX-License-Identifier: GPL-3.0-or-later

const slotsMin = 16;
const fillMax = 0.7;

/**
 * A growing set of texts by their 64-bit hashes, 12 to 23 bytes per text. It never misses a text that was added. It may
 * report another one, with a probability of about one in 2^64 for each pair, so the caller must verify a "yes".
 *
 * Open addressing with linear probing; the hashes are two 32-bit multiplicative ones over the UTF-16 units, finished
 * with the mixing steps of MurmurHash3.
 */
export class HolderSet {
  private slots = new Uint32Array(slotsMin * 2);
  private mask = slotsMin - 1;
  private readonly seed: number;
  private low = 0;
  private high = 0;
  /** Texts added. */
  size = 0;

  /** Callers that do not know the seed cannot choose texts that use the same slots. */
  constructor(seed: number) {
    this.seed = seed;
  }

  /** Makes room for `count` more texts, so that adding them moves none. */
  reserve(count: number): void {
    let slots = this.mask + 1;
    while (slots * fillMax < this.size + count) slots *= 2;
    if (slots > this.mask + 1) this.resize(slots);
  }

  add(text: string): void {
    this.reserve(1);
    this.hash(text);
    const slot = this.find();
    if (this.slots[slot] !== 0) return;
    this.slots[slot] = this.low;
    this.slots[slot + 1] = this.high;
    this.size += 1;
  }

  /** False: the text was not added. True: it was added, or one with the same hash. */
  has(text: string): boolean {
    this.hash(text);
    return this.slots[this.find()] !== 0;
  }

  private resize(slots: number): void {
    const before = this.slots;
    this.slots = new Uint32Array(slots * 2);
    this.mask = slots - 1;
    for (let slot = 0; slot < before.length; slot += 2) {
      this.low = before[slot] ?? 0;
      this.high = before[slot + 1] ?? 0;
      if (this.low === 0) continue;
      const free = this.find();
      this.slots[free] = this.low;
      this.slots[free + 1] = this.high;
    }
  }

  /** The slot of the hash in `low` and `high`, or the free slot where it belongs. */
  private find(): number {
    let index = this.high & this.mask;
    for (;;) {
      const slot = index * 2;
      const low = this.slots[slot];
      if (low === 0 || (low === this.low && this.slots[slot + 1] === this.high)) return slot;
      index = (index + 1) & this.mask;
    }
  }

  private hash(text: string): void {
    let low = this.seed ^ text.length;
    let high = ~this.seed;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      low = Math.imul(low ^ unit, 0x9e3779b1);
      high = Math.imul(high ^ unit, 0x85ebca6b);
      low ^= low >>> 15;
      high ^= high >>> 13;
    }
    // Zero marks a free slot, so the low half of a hash is never zero.
    this.low = (mix(low ^ (high >>> 7)) | 1) >>> 0;
    this.high = mix(high ^ low) >>> 0;
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
