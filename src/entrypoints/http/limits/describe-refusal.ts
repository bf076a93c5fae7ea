// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { problemResponses } from '../schemas/responses.ts';

const field = (description: string) => Type.String({ description });

const headers = {
  'Retry-After': Type.Integer({ description: 'Seconds until the window of the limit ends.' }),
  RateLimit: field(
    'For each limit that was checked: requests that are left, and seconds: `"ip";r=0;t=1`.',
  ),
  'RateLimit-Policy': field(
    'Each limit that is set, with its requests and its seconds: `"ip";q=50;w=1`.',
  ),
};

/** Adds the response of a rate limit to the schema of a route. */
export function describeRefusal(schema: FastifySchema | undefined): FastifySchema {
  const { 429: refusal } = problemResponses(429);
  return {
    ...schema,
    response: { ...(schema?.response as object), 429: { ...(refusal as object), headers } },
  };
}
