// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';

/** The headers of a response that may come from the stock cache. */
export const AgeHeader = {
  Age: Type.Integer({
    minimum: 0,
    description:
      'Only in a response from the stock cache: how old its snapshot is at most, in seconds, rounded up.',
  }),
};

/** Says how old a response from the stock cache is, given in milliseconds. */
export function setAge(reply: FastifyReply, ageMs: number): void {
  reply.header('Age', Math.ceil(ageMs / 1_000));
}
