// SPDX-License-Identifier: GPL-3.0-or-later
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppError } from '../../../core/errors.ts';
import { shownName } from '../../../core/unknown-names.ts';
import { invalidRequest } from '../schemas/validation.ts';
import { membersInText, membersInValue, repeatedMember } from './repeated-members.ts';

/** Bytes in a body. */
export const bodyBytesMax = 16 * 1024;

/** Objects and arrays within each other. */
const depthMax = 8;

/**
 * Reads every body as JSON, whatever its Content-Type says: clients of this API family send all sorts. What JSON does
 * not allow, what would reach for an object's prototype, and what is not UTF-8 is refused: two ids must not become one
 * by the replacement of bytes that no character stands for. So is a member that stands twice, of which another reader
 * may take the other one.
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
      if (body.length === 0 && isEveryMemberOptional(request)) return done(null, {});
      const text = body.toString('utf8');
      parseJson(request, text, (error, value) => {
        done(error ?? faultOf(text, value), value);
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

/** Whether an absent body may count as an empty object. */
function isEveryMemberOptional(request: FastifyRequest): boolean {
  const body = request.routeOptions.schema?.body as { required?: string[] } | undefined;
  return body !== undefined && (body.required ?? []).length === 0;
}

/** What is wrong with the coding of a body, as the head shows it. */
export function encodingFault({ headers }: FastifyRequest): AppError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined;
  return invalidBody('must not be compressed');
}

function invalidBody(message: string) {
  return invalidRequest([{ field: 'body', message }]);
}

/** What is wrong with the structure of a body that is JSON. */
function faultOf(text: string, value: unknown): Error | null {
  const members = membersInValue(value, depthMax);
  if (Number.isNaN(members)) return invalidBody(`must not be nested deeper than ${depthMax}`);
  if (members === membersInText(text)) return null;
  const name = repeatedMember(text);
  return name
    ? invalidRequest([{ field: shownName(name), message: 'must not be repeated' }])
    : invalidBody('must not repeat the member ""');
}
