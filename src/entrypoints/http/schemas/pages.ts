// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { allowedIn } from './fields.ts';
import { invalidRequest } from './validation.ts';

/** The number of items in a page unless the caller sets `limit`. */
export const pageLimitDefault = 100;

/** Sets the `Link` to the next page, which repeats the `filters` of this one; a list repeats its parameter. */
export function linkNextPage(
  reply: FastifyReply,
  page: { path: string; limit: number; cursor: string; filters?: Record<string, unknown> },
): void {
  const parameters = { limit: page.limit, cursor: page.cursor, ...page.filters };
  const query = Object.entries(parameters)
    .flatMap(([name, values]) => [values].flat().map((value) => [name, value] as const))
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  reply.header('Link', `<${page.path}?${query.join('&')}>; rel="next"`);
}

/** The position after which a page begins: 0 for the first page. */
export function positionOf(cursor: string | undefined): number {
  const position = Number(cursor ?? '0');
  if (position > 2_147_483_647) {
    throw invalidRequest([{ field: 'cursor', message: allowedIn.cursor ?? '' }]);
  }
  return position;
}
