// SPDX-License-Identifier: GPL-3.0-or-later
import { RecordingError } from './read-lines.ts';
import { microseconds } from './times.ts';

const intMax = 2_147_483_647;

/** Typed access to the members of one line's object. Each error names the line. */
export class Members {
  readonly #line: number;
  readonly #values: Record<string, unknown>;

  constructor(line: number, values: Record<string, unknown>) {
    this.#line = line;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** Throws a `RecordingError` that names the line. */
  fail(what: string): never {
    throw new RecordingError(`line ${this.#line}: ${what}`);
  }

  text(name: string): string {
    const value = this.#values[name];
    return typeof value === 'string' ? value : this.fail(`${name} is not a text`);
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** A 32-bit integer. */
  int(name: string): number {
    const value = this.#values[name];
    const fits = Number.isInteger(value) && Math.abs(value as number) <= intMax;
    return fits ? (value as number) : this.fail(`${name} is not a whole number of 32 bits`);
  }

  number(name: string): number {
    const value = this.#values[name];
    return Number.isFinite(value) ? (value as number) : this.fail(`${name} is not a number`);
  }

  /** The microseconds of an RFC 3339 time. */
  time(name: string): number {
    const time = microseconds(this.text(name));
    return Number.isNaN(time) ? this.fail(`${name} is not an RFC 3339 time`) : time;
  }

  /** A time as it is written; null when it is null or missing. */
  optionalTimeText(name: string): string | null {
    if (!this.has(name) || this.#values[name] === null) return null;
    this.time(name);
    return this.text(name);
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    return typeof value === 'boolean' ? value : this.fail(`${name} is not true or false`);
  }

  /** The members of an object. */
  object(name: string): Record<string, unknown> {
    const value = this.#values[name];
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : this.fail(`${name} is not an object`);
  }

  texts(name: string): string[] {
    const texts = this.#values[name];
    const areTexts = Array.isArray(texts) && texts.every((text) => typeof text === 'string');
    return areTexts ? texts : this.fail(`${name} is not a list of texts`);
  }

  /** A list of pairs of a text and one of the values. */
  pairs<Value extends string>(name: string, values: readonly Value[]): [string, Value][] {
    const pairs = this.#values[name];
    if (!Array.isArray(pairs)) return this.fail(`${name} is not a list`);
    return pairs.map((pair: unknown): [string, Value] => {
      const [text, one] = Array.isArray(pair) ? pair : [];
      const value = values.find((allowed) => allowed === one);
      if (typeof text !== 'string' || value === undefined) {
        return this.fail(`${name} has an entry that is no text with one of ${values}`);
      }
      return [text, value];
    });
  }

  oneOf<Value extends string>(name: string, values: readonly Value[]): Value {
    const value = this.text(name);
    return (
      values.find((allowed) => allowed === value) ?? this.fail(`${name} is not one of ${values}`)
    );
  }
}
