// SPDX-License-Identifier: GPL-3.0-or-later
/** Compact columns for millions of operations: a few bytes a value, where an object takes about a hundred. */

/** Marks a missing value in a column of integers. */
export const absent = -2_147_483_648;

/** An event number later than any event: it did not happen before the end of the recording. */
export const never = 2_147_483_647;

type NumberArray = Int32Array | Float64Array;

class Column {
  #values: NumberArray;
  readonly #allocate: (length: number) => NumberArray;
  readonly #unset: number;

  constructor(allocate: (length: number) => NumberArray, unset: number) {
    this.#allocate = allocate;
    this.#unset = unset;
    this.#values = allocate(1024);
    this.#values.fill(unset);
  }

  at(index: number): number {
    return this.#values[index] ?? this.#unset;
  }

  set(index: number, value: number): void {
    if (index >= this.#values.length) this.#grow(index);
    this.#values[index] = value;
  }

  #grow(index: number): void {
    const before = this.#values;
    this.#values = this.#allocate(Math.max(index + 1, before.length * 2));
    this.#values.set(before);
    this.#values.fill(this.#unset, before.length);
  }
}

/** 32-bit integers; `absent` unless set. */
export class IntColumn extends Column {
  constructor() {
    super((length) => new Int32Array(length), absent);
  }
}

/** Times and seconds; `NaN` unless set. */
export class TimeColumn extends Column {
  constructor() {
    super((length) => new Float64Array(length), Number.NaN);
  }
}

/** Interns texts: stores each distinct text once, under a number. */
export class InternedTexts {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** The number of a text; the first call assigns it. */
  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.length;
    this.#numbers.set(text, number);
    this.#texts.push(text);
    return number;
  }

  /** The number of a text; `absent` if it has none. */
  find(text: string): number {
    return this.#numbers.get(text) ?? absent;
  }

  /** Undefined for `absent`. */
  text(number: number): string | undefined {
    return this.#texts[number];
  }
}
