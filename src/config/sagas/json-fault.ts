// SPDX-License-Identifier: GPL-3.0-or-later
/** Where a text is not JSON. `JSON.parse` names the place in some cases only, and repeats the text around it. */

/** Why a text is refused as JSON, and where. Lines and columns count from 1. */
export type JsonFault = { line: number; column: number; reason: string };

const tokens = {
  space: /[\t\n\r ]*/y,
  string: /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy,
  number: /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?/iy,
  word: /true|false|null/y,
};
const depthMax = 32;

/**
 * The first fault of a text. More is a fault than JSON forbids: a name that an object has twice, of which a program would ignore
 * one, a number that a program would round, and characters that JSON in PostgreSQL cannot have.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const reader = new JsonReader(text);
  try {
    reader.readAll();
    return undefined;
  } catch (error) {
    if (!(error instanceof FaultAt)) throw error;
    const lines = text.slice(0, error.offset).split('\n');
    return { line: lines.length, column: (lines.at(-1) ?? '').length + 1, reason: error.message };
  }
}

class FaultAt extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

class JsonReader {
  private readonly text: string;
  private offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  readAll(): void {
    this.value(0);
    if (this.next() !== '') this.fail('nothing more is expected');
  }

  private value(depth: number): void {
    const first = this.next();
    if (depth > depthMax) this.fail(`it is nested over ${depthMax} deep`);
    if (first === '{') this.object(depth);
    else if (first === '[') this.list(']', () => this.value(depth + 1));
    else if (first === '"') this.string('this text does not end, or has a wrong character');
    else if (/[-\d]/.test(first)) this.number();
    else this.take(tokens.word, 'a value is expected');
  }

  private object(depth: number): void {
    const names = new Set<string>();
    this.list('}', () => {
      this.next();
      const start = this.offset;
      const name = this.string('a name in double quotes is expected');
      if (names.has(name)) throw new FaultAt(start, `${JSON.stringify(name)} is here twice`);
      names.add(name);
      this.symbol(':');
      this.value(depth + 1);
    });
  }

  /** What stands between a bracket, at which the reader is, and the one that closes it. */
  private list(close: string, readItem: () => void): void {
    this.offset += 1;
    if (this.next() !== close) {
      do readItem();
      while (this.next() === ',' && ++this.offset);
    }
    this.symbol(close);
  }

  private string(reason: string): string {
    const start = this.offset;
    const text: string = JSON.parse(this.take(tokens.string, reason));
    if (!/[\0\p{Cs}]/u.test(text)) return text;
    throw new FaultAt(start, 'this text has a character that PostgreSQL cannot store');
  }

  private number(): void {
    const start = this.offset;
    const digits = this.take(tokens.number, 'this is no number');
    const value = Number(digits);
    if (/^-?\d+$/.test(digits) ? !Number.isSafeInteger(value) : !Number.isFinite(value)) {
      throw new FaultAt(start, 'this number is too large to stay exact; write it as a text');
    }
  }

  private symbol(expected: string): void {
    if (this.next() !== expected) this.fail(`"${expected}" is expected`);
    this.offset += 1;
  }

  /** The next character that is no space, at which the reader is then; empty at the end. */
  private next(): string {
    this.take(tokens.space, '');
    return this.text.charAt(this.offset);
  }

  private take(token: RegExp, reason: string): string {
    token.lastIndex = this.offset;
    const found = token.exec(this.text)?.[0];
    if (found === undefined) return this.fail(reason);
    this.offset += found.length;
    return found;
  }

  private fail(reason: string): never {
    throw new FaultAt(this.offset, reason);
  }
}
