// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { allowedIn } from './schemas.ts';
import { invalidRequest } from './validation.ts';

/** Items in a page when the caller does not say. */
export const pageLimitDefault = 100;

/** Points from a page to the one behind it. */
export function linkNextPage(
  reply: FastifyReply,
  page: { path: string; limit: number; cursor: string },
): void {
  reply.header('Link', `<${page.path}?limit=${page.limit}&cursor=${page.cursor}>; rel="next"`);
}

/** The position in a cursor, 0 for the first page. */
export function positionOf(cursor: string | undefined): number {
  const position = Number(cursor ?? '0');
  if (position > 2_147_483_647) {
    throw invalidRequest([{ field: 'cursor', message: allowedIn.cursor ?? '' }]);
  }
  return position;
}
