// SPDX-License-Identifier: GPL-3.0-or-later

const hidden = '[hidden]';

/** A value that must not reach a log, an answer or an error message: whatever prints a secret prints `[hidden]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that needs it; the result must not be kept or printed. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  // The name by which console.log, util.inspect and a failed assertion ask an object how it prints.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return hidden;
  }
}
