// SPDX-License-Identifier: GPL-3.0-or-later
/** Reads the HTTP/1.1 answers of the service. It reports what it cannot read, and never guesses. */

/** The part of an answer that a client of the service needs. */
export type Answer = {
  status: number;
  /** Whether it carried `Idempotency-Replayed: true`. */
  isReplay: boolean;
  /** Seconds, from `Retry-After`; undefined without one, or where it holds a date. */
  retryAfterS: number | undefined;
  /** Seconds, from `Age`; undefined without one. */
  ageS: number | undefined;
  /** The server closes the connection after this answer. */
  isLast: boolean;
  body: string;
};

/** Why an answer cannot be read. */
export type Unreadable =
  | 'unreadable_status_line'
  | 'unreadable_header'
  | 'unreadable_length'
  | 'unreadable_transfer_encoding'
  | 'unreadable_too_long'
  | 'unreadable_surplus'
  | 'unreadable_body';

type Head = Omit<Answer, 'body'> & { bodyBytes: number };

const headBytesMax = 32 * 1024;
const bodyBytesMax = 4 * 1024 * 1024;
const endOfHead = '\r\n\r\n';
// The lengths of the header names in `readHeader`. Most other headers are skipped by their length alone.
const nameLengths = new Set(
  [
    ...['content-length', 'transfer-encoding', 'connection'],
    ...['idempotency-replayed', 'retry-after', 'age'],
  ].map((name) => name.length),
);

/** Parses the bytes of one connection, in chunks of any size. It expects one answer at a time. */
export class AnswerParser {
  // Latin-1: one character per byte, so lengths are exact.
  private text = '';
  private head: Head | undefined;

  /** Undefined while bytes are missing. After an `Unreadable` the connection must not be used again. */
  push(bytes: Buffer): Answer | Unreadable | undefined {
    this.text = this.text === '' ? bytes.toString('latin1') : this.text + bytes.toString('latin1');
    while (this.head === undefined) {
      const end = this.text.indexOf(endOfHead);
      if (end < 0) return this.withoutEnd();
      const head = headOf(this.text.slice(0, end));
      if (typeof head === 'string') return head;
      this.text = this.text.slice(end + endOfHead.length);
      // 100 to 199 are interim answers; the final one follows. After 101 the protocol would change.
      if (head.status >= 200) this.head = head;
      else if (head.status === 101) return 'unreadable_status_line';
    }
    const { bodyBytes, ...head } = this.head;
    if (this.text.length < bodyBytes) return undefined;
    if (this.text.length > bodyBytes) return 'unreadable_surplus';
    const body = toUtf8(this.text);
    this.reset();
    return { ...head, body };
  }

  /** Discards all bytes so far, for a new connection. */
  reset(): void {
    this.text = '';
    this.head = undefined;
  }

  private withoutEnd(): Unreadable | undefined {
    if (this.text.length > headBytesMax) return 'unreadable_too_long';
    const start = this.text.slice(0, 'HTTP/1.'.length);
    return 'HTTP/1.'.startsWith(start) ? undefined : 'unreadable_status_line';
  }
}

function headOf(text: string): Head | Unreadable {
  let end = endOfLine(text, 0);
  const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(text.slice(0, end));
  if (statusLine === null) return 'unreadable_status_line';
  const status = Number(statusLine[2]);
  const head: Head = {
    status,
    isReplay: false,
    retryAfterS: undefined,
    ageS: undefined,
    isLast: statusLine[1] === '0',
    bodyBytes: -1,
  };
  while (end < text.length) {
    const start = end + 2;
    end = endOfLine(text, start);
    const problem = readHeader(head, text.slice(start, end));
    if (problem !== undefined) return problem;
  }
  // These never have a body, whatever Content-Length says.
  if (status < 200 || status === 204 || status === 304) head.bodyBytes = 0;
  return head.bodyBytes < 0 ? 'unreadable_length' : head;
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\r\n', start);
  return end < 0 ? text.length : end;
}

function readHeader(head: Head, line: string): Unreadable | undefined {
  const colon = line.indexOf(':');
  // This also rejects a folded header line, which begins with white space.
  if (colon < 1 || line.charCodeAt(0) <= 32) return 'unreadable_header';
  if (!nameLengths.has(colon)) return undefined;
  const name = line.slice(0, colon).toLowerCase();
  const value = () => line.slice(colon + 1).trim();
  switch (name) {
    case 'content-length':
      return readLength(head, value());
    case 'transfer-encoding':
      return 'unreadable_transfer_encoding';
    case 'connection':
      head.isLast = /\bclose\b/i.test(value());
      return undefined;
    case 'idempotency-replayed':
      head.isReplay = value() === 'true';
      return undefined;
    case 'retry-after':
      head.retryAfterS = secondsIn(value());
      return undefined;
    case 'age':
      head.ageS = secondsIn(value());
      return undefined;
    default:
      return undefined;
  }
}

function secondsIn(value: string): number | undefined {
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

function readLength(head: Head, value: string): Unreadable | undefined {
  if (!/^\d{1,15}$/.test(value)) return 'unreadable_length';
  const bytes = Number(value);
  if (head.bodyBytes >= 0 && head.bodyBytes !== bytes) return 'unreadable_length';
  if (bytes > bodyBytesMax) return 'unreadable_too_long';
  head.bodyBytes = bytes;
  return undefined;
}

function toUtf8(latin1: string): string {
  return /[\u0080-\u00ff]/.test(latin1) ? Buffer.from(latin1, 'latin1').toString() : latin1;
}
