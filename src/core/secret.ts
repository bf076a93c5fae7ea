// SPDX-License-Identifier: GPL-3.0-or-later

const hidden = '[hidden]';

/** A value that must not reach a log, a response or an error message: every way to print it prints `[hidden]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Callers must not keep or print it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return hidden;
  }

  toJSON(): string {
    return hidden;
  }

  // console.log, util.inspect and failed assertions print the result of this method.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return hidden;
  }
}
