// SPDX-License-Identifier: GPL-3.0-or-later
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AppError } from '../../../core/errors.ts';
import { membersInText, membersInValue, repeatedMember } from '../../../core/repeated-members.ts';
import { shownName } from '../../../core/unknown-names.ts';
import { invalidRequest } from '../schemas/validation.ts';

/** The largest body, in bytes, but that of a call with many claims. */
export const bodyBytesMax = 16 * 1024;

/** The largest body of a call with many claims. */
export const batchBytesMax = 1024 * 1024;

/** How deep objects and arrays may be nested in the body of a single call. */
const depthMaxOfOne = 8;

/**
 * Reads every body as JSON. Refuses what JSON does not allow, members that would change the prototype of an object,
 * bytes that are not UTF-8, since their replacement could make two ids one, and repeated members, of which another
 * reader may take the other one.
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
      if (body.length === 0 && mayBeAbsent(request)) return done(null, {});
      const text = body.toString('utf8');
      parseJson(request, text, (error, value) => {
        done(error ?? faultOf(text, value, depthMaxOf(request)), value);
      });
    },
  );
}

/**
 * Makes a request count as JSON whatever its Content-Type is, also without one: clients of this API family send all
 * sorts, and Fastify would answer 415. Where no route takes the request, a type without a parser leaves the body unread.
 */
export function treatBodyAsJson(request: FastifyRequest): void {
  if (request.method === 'GET') return;
  request.raw.headers['content-type'] = request.is404 ? 'text/plain' : 'application/json';
}

/** Whether an absent body may count as an empty object: the call has none, or all its members are optional. */
function mayBeAbsent(request: FastifyRequest): boolean {
  const body = request.routeOptions.schema?.body as { required?: string[] } | undefined;
  return (body?.required ?? []).length === 0;
}

/** The fault of a body whose head says that it is compressed. */
export function encodingFault({ headers }: FastifyRequest): AppError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined;
  return invalidBody('must not be compressed');
}

function invalidBody(message: string) {
  return invalidRequest([{ field: 'body', message }]);
}

/** Each claim of a call with many may be nested as deep as the body of a single call. */
function depthMaxOf({ routeOptions }: FastifyRequest): number {
  return routeOptions.bodyLimit === batchBytesMax ? depthMaxOfOne + 2 : depthMaxOfOne;
}

/** The fault of valid JSON that is nested too deep or repeats a member. */
function faultOf(text: string, value: unknown, depthMax: number): Error | null {
  const members = membersInValue(value, depthMax);
  if (Number.isNaN(members)) return invalidBody(`must not be nested deeper than ${depthMax}`);
  if (members === membersInText(text)) return null;
  const name = repeatedMember(text);
  return name
    ? invalidRequest([{ field: shownName(name), message: 'must not be repeated' }])
    : invalidBody('must not repeat the member ""');
}
