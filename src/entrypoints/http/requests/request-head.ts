// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage } from 'node:http';
import type { AppError, FieldError } from '../../../core/errors.ts';
import { invalidRequest } from '../schemas/validation.ts';

/**
 * Headers that hold one value for this service. Of a second line Node keeps the first value, or joins both with a comma,
 * and each proxy on the way has a rule of its own: what one of them has checked is not what the next one reads.
 */
const sentOnce = [
  'Host',
  'Origin',
  'Content-Type',
  'Authorization',
  'Content-Length',
  'Sec-Fetch-Site',
  'Idempotency-Key',
].map((name, index) => ({ name, lowerCase: name.toLowerCase(), bit: 1 << index }));

const nameLengthMax = Math.max(...sentOnce.map(({ name }) => name.length));

// The length alone rules out most other headers.
const sentOnceByLength = Array.from({ length: nameLengthMax + 1 }, (_, length) =>
  sentOnce.filter(({ name }) => name.length === length),
);

/** What the check reads of a request. */
export type RequestHead = Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'httpVersion'>;

/** What is allowed in `Content-Length`; the HTTP parser refuses all else. */
export const contentLengthFault: FieldError = {
  field: 'Content-Length',
  message: 'must be a whole number, sent only once and without Transfer-Encoding',
};

/** What is allowed in `Transfer-Encoding`; the HTTP parser refuses most of what is not. */
export const transferEncodingFault: FieldError = {
  field: 'Transfer-Encoding',
  message: 'must be chunked, sent only once, in HTTP/1.1 and without Content-Length',
};

/** The fault of a request whose head another program may read differently; undefined where there is none. */
export function faultOfHead(head: RequestHead): AppError | undefined {
  const repeated = repeatedHeaders(head.rawHeaders);
  if (repeated !== 0) {
    const fields = sentOnce
      .filter(({ bit }) => (repeated & bit) !== 0)
      .map(({ name }) => ({ field: name, message: 'must be sent only once' }));
    return invalidRequest(fields);
  }
  if (head.headers.host === undefined && head.httpVersion !== '1.0') {
    return invalidRequest([{ field: 'Host', message: 'is required' }]);
  }
  if (isFramedOddly(head)) return invalidRequest([transferEncodingFault]);
  return undefined;
}

/**
 * Whether the end of the body is found by anything but a length or plain chunks. Of a list of codings the parser reads
 * the last one alone. HTTP/1.0 has no chunks: a proxy of that version finds another end. The
 * parser takes 0.9 and 2.0 too, which are no versions of this protocol.
 */
export function isFramedOddly({ headers, httpVersion }: Omit<RequestHead, 'rawHeaders'>): boolean {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return false;
  return coding.toLowerCase() !== 'chunked' || httpVersion !== '1.1';
}

/** The bits of the headers that are sent in more than one line. Runs for every request. */
function repeatedHeaders(rawHeaders: readonly string[]): number {
  let seen = 0;
  let repeated = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const candidates = sentOnceByLength[name.length];
    if (candidates === undefined) continue;
    for (const { lowerCase, bit } of candidates) {
      if (name.toLowerCase() !== lowerCase) continue;
      repeated |= seen & bit;
      seen |= bit;
    }
  }
  return repeated;
}
