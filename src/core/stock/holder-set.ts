// SPDX-License-Identifier: GPL-3.0-or-later

const slotsMin = 16;
const fillMax = 0.7;

/**
 * Remembers texts by 64-bit hashes, 12 to 23 bytes a text. It never forgets one; it may take another text for a known
 * one, with a chance of about one in 2^64 for each pair, so a "yes" has to be made sure of elsewhere.
 *
 * Open addressing with linear probing; the hashes are two 32-bit multiplicative ones over the UTF-16 units, finished
 * with the mixing steps of MurmurHash3.
 */
export class HolderSet {
  private readonly slots: Uint32Array;
  private readonly mask: number;
  private readonly seed: number;
  private readonly sizeMax: number;
  private low = 0;
  private high = 0;
  /** Texts added. */
  size = 0;

  /** Room for `sizeMax` texts. The seed keeps anybody from choosing texts that fall on the same slots. */
  constructor(sizeMax: number, seed: number) {
    let slots = slotsMin;
    while (slots * fillMax < sizeMax) slots *= 2;
    this.slots = new Uint32Array(slots * 2);
    this.mask = slots - 1;
    this.seed = seed;
    this.sizeMax = sizeMax;
  }

  /** Adds a text. Throws when there is no room, as the slots are not moved. */
  add(text: string): void {
    const slot = this.find(text);
    if (this.slots[slot] !== 0) return;
    if (this.size === this.sizeMax) throw new RangeError('the set is full');
    this.slots[slot] = this.low;
    this.slots[slot + 1] = this.high;
    this.size += 1;
  }

  /** False: the text was never added. True: it was, or another one has its hash. */
  has(text: string): boolean {
    return this.slots[this.find(text)] !== 0;
  }

  /** The slot that holds the text's hash, or the free one where it belongs. */
  private find(text: string): number {
    this.hash(text);
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
    // Zero marks a free slot, so no hash may have it there.
    this.low = (mix(low ^ (high >>> 7)) | 1) >>> 0;
    this.high = mix(high ^ low) >>> 0;
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
