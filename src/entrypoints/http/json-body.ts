// SPDX-License-Identifier: GPL-3.0-or-later
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppError } from '../../core/errors.ts';
import { invalidRequest } from './validation.ts';

/** Bytes in a body. */
export const bodyBytesMax = 16 * 1024;

/** Objects and arrays within each other. */
const depthMax = 8;

/**
 * Reads every body as JSON, whatever its Content-Type says: clients of this API family send all sorts. What JSON does
 * not allow, what would reach for an object's prototype, and what is not UTF-8 is refused: two ids must not become one
 * by the replacement of bytes that no character stands for.
 */
export function readJsonBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit: bodyBytesMax },
    (request, body, done) => {
      const fault = encodingFault(request);
      if (fault !== undefined) return done(fault);
      if (!isUtf8(body)) return done(invalidBody('must be UTF-8'));
      parseJson(request, body.toString('utf8'), (error, value) => {
        if (error === null && isDeeperThan(depthMax, value)) {
          done(invalidBody(`must not be nested deeper than ${depthMax}`));
        } else {
          done(error, value);
        }
      });
    },
  );
  app.addHook('onRequest', (request, _reply, done) => {
    // Also a missing or malformed Content-Type counts as JSON; the framework would answer it with 415. Where no route
    // takes the request its body is nobody's: a type without a parser leaves it unread.
    if (request.method !== 'GET') {
      request.raw.headers['content-type'] = request.is404 ? 'text/plain' : 'application/json';
    }
    done();
  });
}

/** What is wrong with the coding of a body, as the head tells it. */
export function encodingFault({ headers }: FastifyRequest): AppError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined;
  return invalidBody('must not be compressed');
}

function invalidBody(message: string) {
  return invalidRequest([{ field: 'body', message }]);
}

/** Looks no further down than it must, so that a body which is nothing but brackets cannot fill the stack. */
function isDeeperThan(depth: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeperThan(depth - 1, inner));
}
