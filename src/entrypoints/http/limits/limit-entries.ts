// SPDX-License-Identifier: GPL-3.0-or-later
/** Counts each claim of a call with many claims as one request, in each limit that applies to a single claim. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../../core/errors.ts';
import type { Allowance, LimitName } from '../../../core/limits/rate-limit.ts';
import type { ProblemDetails } from '../problems/problem.ts';
import { addToField, detailsOfLimits, type RateLimits } from './rate-limits.ts';

/**
 * Returns for each claim of a call why a limit refuses it; undefined where none does. `users` names the user of each claim,
 * undefined where the claim is not valid: it counts for the address only.
 */
export type LimitEntries = (
  request: FastifyRequest,
  reply: FastifyReply,
  users: readonly (string | undefined)[],
) => Promise<(ProblemDetails | undefined)[]>;

/** What the count of claims needs besides the limits. */
export type LimitEntriesOptions = RateLimits & {
  addressOf(request: FastifyRequest): string;
  /** Undefined where no limit of a key applies. */
  keyOf(request: FastifyRequest): string | undefined;
  /** Whether the claims of this caller count for their users. */
  speaksForUsers(request: FastifyRequest): boolean;
  claimRefused(code: ErrorCode, couponName: string | undefined): void;
};

/** Claims that no limit has refused, by their index, in order. */
type Left = readonly number[];

/**
 * Counts in the order in which a single claim is checked: of each limit the first claims of the call are within it, and those
 * beyond use up none that is counted later. The first claim has counted for the address before the body was read.
 */
export function limitEntriesWith(options: LimitEntriesOptions): LimitEntries {
  const { limits, refused, claimRefused } = options;
  return async (request, reply, users) => {
    const problems: (ProblemDetails | undefined)[] = users.map(() => undefined);
    const refuse = (index: number, { limit, resetSeconds }: Allowance) => {
      refused(limit.name);
      claimRefused('rate_limited', couponOf(request, index));
      problems[index] = {
        ...{ code: 'rate_limited', detail: detailsOfLimits[limit.name] },
        retryAfterSeconds: resetSeconds,
      };
    };
    const countAll = async (name: LimitName, key: string | undefined, left: Left) => {
      const limit = limits[name];
      if (limit === undefined || key === undefined || left.length === 0) return left;
      const allowance = await limit.take(key, left.length);
      addToField(reply, [allowance]);
      for (const index of left.slice(allowance.allowed)) refuse(index, allowance);
      return left.slice(0, allowance.allowed);
    };
    const countUsers = async (left: Left) => {
      if (limits.user === undefined || !options.speaksForUsers(request)) return left;
      const requests = new Map<string, number>();
      for (const index of left) {
        const user = users[index] as string;
        requests.set(user, (requests.get(user) ?? 0) + 1);
      }
      const allowances = await limits.user.takeEach(requests);
      return left.filter((index) => {
        const allowance = allowances.get(users[index] as string) as Allowance;
        allowance.allowed -= 1;
        if (allowance.allowed < 0) refuse(index, allowance);
        return allowance.allowed >= 0;
      });
    };

    const [first, ...others] = users.keys();
    if (others.length > 0) reply.removeHeader('RateLimit');
    const inAddress =
      limits.ip === undefined ? others : await countAll('ip', options.addressOf(request), others);
    const valid = [first as number, ...inAddress].filter((index) => users[index] !== undefined);
    const inUsers = await countUsers(valid);
    await countAll('all', '', await countAll('key', options.keyOf(request), inUsers));
    return problems;
  };
}

/** The coupon that a claim of the call names, where it is valid. */
function couponOf({ body }: FastifyRequest, index: number): string | undefined {
  const { claims } = body as { claims: readonly { coupon_name?: unknown }[] };
  const name = claims[index]?.coupon_name;
  return typeof name === 'string' ? name : undefined;
}
