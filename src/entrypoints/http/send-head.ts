// SPDX-License-Identifier: GPL-3.0-or-later
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/**
 * Answers HEAD without producing the content. Leaves out the headers that depend on the content, as RFC 9110 allows:
 * `Content-Length`, and the `Link` to a next page.
 */
export function sendHead(reply: FastifyReply, contentType: string): FastifyReply {
  // Fastify sets a `Content-Length` for everything but a stream.
  return reply.header('Content-Type', contentType).send(Readable.from([]));
}

/** The media type of JSON responses. */
export const jsonType = 'application/json; charset=utf-8';
