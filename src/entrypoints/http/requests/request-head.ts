// SPDX-License-Identifier: GPL-3.0-or-later
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { AppError, FieldError } from '../../../core/errors.ts';
import { invalidRequest } from '../schemas/validation.ts';

/**
 * Headers of which this service reads one value. When a header is sent twice, Node keeps the first value or joins both
 * with a comma, and each proxy has its own rule: what one program has checked is not what the next one reads.
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

// Most other headers are ruled out by their length.
const sentOnceByLength = Array.from({ length: nameLengthMax + 1 }, (_, length) =>
  sentOnce.filter(({ name }) => name.length === length),
);

/** What the checks read of a request. */
export type RequestHead = Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'httpVersion'>;

/** The error for a bad `Content-Length`, which the HTTP parser refuses. */
export const contentLengthFault: FieldError = {
  field: 'Content-Length',
  message: 'must be a whole number, sent only once and without Transfer-Encoding',
};

/** The error for a bad `Transfer-Encoding`. The HTTP parser refuses most of them. */
export const transferEncodingFault: FieldError = {
  field: 'Transfer-Encoding',
  message: 'must be chunked, sent only once, in HTTP/1.1 and without Content-Length',
};

/** Refuses a request whose head another program may read differently. The response to a body with an unsure end ends the connection. */
export function refuseAmbiguousHead(request: FastifyRequest): AppError | undefined {
  return faultOfHead(request.raw);
}

/** The fault of an ambiguous head: a repeated header, no `Host`, or an odd `Transfer-Encoding`. */
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
  if (hasAmbiguousLength(head)) return invalidRequest([transferEncodingFault]);
  return undefined;
}

/**
 * Whether another program may find another end of the body. Node's parser reads only the last of several codings, and
 * accepts chunks in HTTP/1.0, which has none, and in 0.9 and 2.0, which are no versions of this protocol.
 */
export function hasAmbiguousLength({
  headers,
  httpVersion,
}: Omit<RequestHead, 'rawHeaders'>): boolean {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return false;
  return coding.toLowerCase() !== 'chunked' || httpVersion !== '1.1';
}

/** The bits of the headers that are sent more than once. Runs for every request. */
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
