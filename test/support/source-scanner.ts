// SPDX-License-Identifier: GPL-3.0-or-later
/** Separates code, text literals and comments of a source file, so that a rule about one ignores the others. */

/** A text or template literal: what is between its quotes, with `{}` for each expression in it. */
export type Literal = { text: string; line: number; start: number };

/** A comment with its marks; lines count from 1. */
export type Comment = { text: string; line: number; endLine: number };

/** The parts of a source. `code` is as long as the source: comments and literals are blank, line ends are kept. */
export type ScannedSource = { code: string; literals: Literal[]; comments: Comment[] };

// After these a slash begins a regular expression; after a name, a number or a closing bracket it divides.
const beforeRegularExpression =
  /^(?:[(,=:[!&|?{;+\-*%<>~^]?|return|typeof|case|in|of|void|throw|await|yield|else|do)$/;

/**
 * Splits a TypeScript or JavaScript source, which must compile. With `hasMarkup`, as in a .tsx file, `</` ends an element, and
 * an apostrophe inside a word is text.
 */
export function scanTypeScript(source: string, { hasMarkup = false } = {}): ScannedSource {
  const scanner = new TypeScriptScanner(source, hasMarkup);
  scanner.readCode(false);
  return scanner.result();
}

/** Blanks comments, text literals and bodies between dollar quotes of an SQL source, keeping its length and lines. */
export function blankSql(source: string): string {
  return source.replace(/--[^\n]*|\/\*.*?\*\/|'(?:[^']|'')*'|(\$\w*\$).*?\1/gs, blank);
}

/** The line, from 1, of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

class TypeScriptScanner {
  private readonly source: string;
  private readonly hasMarkup: boolean;
  private readonly code: string[] = [];
  private readonly literals: Literal[] = [];
  private readonly comments: Comment[] = [];
  private at = 0;
  /** The last word or mark of code; decides what a slash means. */
  private lastToken = '';
  private spaced = false;

  constructor(source: string, hasMarkup: boolean) {
    this.source = source;
    this.hasMarkup = hasMarkup;
  }

  result(): ScannedSource {
    return { code: this.code.join(''), literals: this.literals, comments: this.comments };
  }

  /** Reads to the end of the source, or of the expression in a template, whose closing brace it leaves. */
  readCode(inTemplate: boolean): void {
    let depth = 0;
    while (this.at < this.source.length) {
      const character = this.source.charAt(this.at);
      if (this.readComment()) continue;
      if (this.isMarkup(character)) this.take(character);
      else if (character === "'" || character === '"') this.readText(character);
      else if (character === '`') this.readTemplate();
      else if (character === '/' && beforeRegularExpression.test(this.lastToken)) {
        this.readRegularExpression();
      } else {
        if (character === '{') depth += 1;
        if (character === '}') depth -= 1;
        if (inTemplate && depth < 0) return;
        this.take(character);
      }
    }
  }

  /** Whether a character that begins a literal elsewhere is a part of an element or of its text. */
  private isMarkup(character: string): boolean {
    if (!this.hasMarkup) return false;
    if (character === '/') return this.lastToken === '<';
    return character === "'" && /\w/.test(this.source.charAt(this.at - 1));
  }

  private take(character: string): void {
    this.code.push(character);
    this.at += 1;
    if (/\s/.test(character)) {
      this.spaced = true;
      return;
    }
    const joins = !this.spaced && /\w/.test(character) && /\w$/.test(this.lastToken);
    this.lastToken = joins ? this.lastToken + character : character;
    this.spaced = false;
  }

  private skip(length: number): string {
    const skipped = this.source.slice(this.at, this.at + length);
    this.code.push(blank(skipped));
    this.at += skipped.length;
    return skipped;
  }

  private readComment(): boolean {
    const pair = this.source.slice(this.at, this.at + 2);
    if (pair !== '//' && pair !== '/*') return false;
    const line = lineAt(this.source, this.at);
    const end = this.source.indexOf(pair === '//' ? '\n' : '*/', this.at + 2);
    const stop = end === -1 ? this.source.length : end + (pair === '//' ? 0 : 2);
    const text = this.skip(stop - this.at);
    this.comments.push({ text, line, endLine: line + text.split('\n').length - 1 });
    return true;
  }

  private readText(quote: string): void {
    const start = this.at;
    let end = start + 1;
    while (end < this.source.length && this.source[end] !== quote) {
      end += this.source[end] === '\\' ? 2 : 1;
    }
    this.addLiteral(this.source.slice(start + 1, end), start);
    this.skip(end + 1 - start);
    this.lastToken = quote;
  }

  private readTemplate(): void {
    const start = this.at;
    let text = '';
    this.skip(1);
    while (this.at < this.source.length && this.source[this.at] !== '`') {
      if (this.source.startsWith('${', this.at)) {
        text += '{}';
        this.skip(2);
        this.lastToken = '{';
        this.readCode(true);
        this.skip(1);
      } else {
        text += this.skip(this.source[this.at] === '\\' ? 2 : 1);
      }
    }
    this.skip(1);
    this.addLiteral(text, start);
    this.lastToken = '`';
  }

  private readRegularExpression(): void {
    let inClass = false;
    let end = this.at + 1;
    for (; end < this.source.length; end += 1) {
      const character = this.source[end];
      if (character === '\\') end += 1;
      else if (character === '[') inClass = true;
      else if (character === ']') inClass = false;
      else if ((character === '/' && !inClass) || character === '\n') break;
    }
    while (/\w/.test(this.source.charAt(end + 1))) end += 1;
    this.skip(end + 1 - this.at);
    this.lastToken = ')';
  }

  private addLiteral(text: string, start: number): void {
    this.literals.push({ text, start, line: lineAt(this.source, start) });
  }
}
