// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply } from 'fastify';
import type { Allowance, LimitName, RateLimit } from '../../../core/limits/rate-limit.ts';

/** The rate limits that are set, and what they need. */
export type RateLimits = {
  limits: { readonly [Name in LimitName]?: RateLimit };
  /** Addresses and ranges of proxies whose `X-Forwarded-For` names the client. `none` stands for none. */
  trustedProxies: readonly string[];
  /** Counts a request that a limit has refused. */
  refused(limit: LimitName): void;
};

/** What a refusal by each limit says. */
export const detailsOfLimits: Record<LimitName, string> = {
  ip: 'too many requests from this address',
  key: 'too many requests with this key',
  user: 'too many requests for this user',
  all: 'too many requests of all callers together',
};

/** Adds what limits say to the field of the response. */
export function addToField(reply: FastifyReply, allowances: readonly Allowance[]): void {
  let field = reply.getHeader('RateLimit');
  for (const { limit, remaining, resetSeconds } of allowances) {
    const item = `"${limit.name}";r=${remaining};t=${resetSeconds}`;
    field = field === undefined ? item : `${field}, ${item}`;
  }
  reply.header('RateLimit', field);
}
