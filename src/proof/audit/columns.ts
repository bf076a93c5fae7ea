// SPDX-License-Identifier: GPL-3.0-or-later
/** Compact lists for millions of operations: a few bytes a value, where an object a value would take a hundred. */

/** Stands for "the recording does not say" in a column of whole numbers. */
export const absent = -2_147_483_648;

/** Stands for "not before the end of the recording" among the numbers of events. Later than any event. */
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

/** Whole numbers of 32 bits; `absent` unless set. */
export class IntColumn extends Column {
  constructor() {
    super((length) => new Int32Array(length), absent);
  }
}

/** Times and seconds; not a number unless set. */
export class TimeColumn extends Column {
  constructor() {
    super((length) => new Float64Array(length), Number.NaN);
  }
}

/** InternedTexts that come again and again, each kept once and known by its number. */
export class InternedTexts {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** The number of a text, given to it at the first call. */
  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.length;
    this.#numbers.set(text, number);
    this.#texts.push(text);
    return number;
  }

  /** The number of a text that was given one; `absent` when it was not. */
  find(text: string): number {
    return this.#numbers.get(text) ?? absent;
  }

  /** Undefined for `absent`. */
  text(number: number): string | undefined {
    return this.#texts[number];
  }
}
