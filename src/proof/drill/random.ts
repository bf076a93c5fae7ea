// SPDX-License-Identifier: GPL-3.0-or-later

const warmUpRounds = 12;
const range32 = 2 ** 32;

/**
 * A seeded random generator: sfc32 of Chris Doty-Humphrey's PractRand (pracrand.sourceforge.net, in the public domain).
 * Equal seeds give equal numbers on every machine. The streams of one seed are independent.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = 0) {
    this.a = Math.floor(seed / range32) | 0;
    this.b = seed | 0;
    this.c = stream | 0;
    for (let round = 0; round < warmUpRounds; round += 1) this.next32();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next32(): number {
    const drawn = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.next32() / range32;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with the probability `share`, from 0 to 1. */
  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** Exponentially distributed with the mean 1: the gaps of a Poisson process. */
  exponential(): number {
    return -Math.log(1 - this.fraction());
  }
}

/** The stream of a text: its FNV-1a hash, after Fowler, Noll and Vo. */
export function streamOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}
