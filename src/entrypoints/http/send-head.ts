// SPDX-License-Identifier: GPL-3.0-or-later
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/**
 * Answers HEAD without the content. It leaves out the headers whose values only the content gives, as RFC 9110 allows:
 * `Content-Length`, and the `Link` to a next page.
 */
export function sendHead(reply: FastifyReply, contentType: string): FastifyReply {
  // The framework counts the bytes of everything but a stream.
  return reply.header('Content-Type', contentType).send(Readable.from([]));
}

/** The media type of an answer in JSON. */
export const jsonType = 'application/json; charset=utf-8';
