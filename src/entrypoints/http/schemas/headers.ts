// SPDX-License-Identifier: GPL-3.0-or-later
/** The headers of responses, as OpenAPI describes them. */
import { type TSchema, Type } from 'typebox';
import { enumOf } from './enums.ts';

/** Of a call with an `Idempotency-Key`. */
export const ReplayedHeader = {
  'Idempotency-Replayed': enumOf(['true'], {
    description: 'Only where this response repeats that of an earlier call with the same key.',
  }),
};

/** Of what was created, or can be read later. */
export const LocationHeader = {
  Location: Type.String({ format: 'uri-reference', description: 'The path of what was created.' }),
};

/** Of a page. */
export const LinkHeader = {
  Link: Type.String({ description: 'The next page, as `<path>; rel="next"`, if there is one.' }),
};

/** Of a claim that waits in the queue. */
export const PreferenceHeader = {
  'Preference-Applied': Type.String({ description: 'The `Prefer` that was followed, if any.' }),
};

/** Of a problem that ends by itself. */
export const RetryAfterHeader = {
  'Retry-After': Type.Integer({
    minimum: 0,
    description: 'Seconds after which the call may succeed.',
  }),
};

/** The headers of problems, by status. */
export const problemHeaders: Record<number | 'default', Record<string, TSchema> | undefined> = {
  401: { 'WWW-Authenticate': Type.String({ description: 'How to authenticate, as in RFC 6750.' }) },
  429: RetryAfterHeader,
  503: RetryAfterHeader,
  default: { Allow: Type.String({ description: 'With 405: the methods of the path.' }) },
};

/** The schema of a response, with the headers that it may have. */
export function withHeaders<Response extends object>(
  response: Response,
  ...headers: Record<string, TSchema>[]
): Response {
  return { ...response, headers: Object.assign({}, ...headers) };
}
