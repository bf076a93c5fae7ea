// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import type { ErrorCode } from '../../../core/errors.ts';
import type { Allowance, LimitName, RateLimit } from '../../../core/limits/rate-limit.ts';
import type { Access, AccessRule } from '../access.ts';
import type { Caller } from '../api-keys.ts';
import type { HttpApp } from '../http-app.ts';
import { fixedProblem } from '../problems/problem.ts';
import { isHealthPath } from '../requests/health-paths.ts';
import { clientAddressBy } from './client-address.ts';
import { describeRefusal } from './describe-refusal.ts';
import { type LimitEntries, type LimitEntriesOptions, limitEntriesWith } from './limit-entries.ts';
import { addToField, detailsOfLimits, type RateLimits } from './rate-limits.ts';

/** What the hooks use. */
type LimitRequestsOptions = {
  /** Undefined: no request is limited. */
  rateLimits: RateLimits | undefined;
  access: Pick<Access, 'callerOf'>;
  /** Counts a claim that is refused before it reaches the engine. */
  claimRefused(code: ErrorCode, couponName: string | undefined): void;
};

/** One count that a request makes. */
type Charge = { limit: RateLimit; key: string };

type Check = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
) => void | Promise<void>;

/**
 * Limits the requests of each route below `/api` that is added after this, but not health checks. Must run after
 * `enforceAccess`, and before the checks that come before access.
 *
 * | When | Limit | Why then |
 * |---|---|---|
 * | before access | of an address | a wrong key costs its sender a request too |
 * | after access | what is used up: of a key, of all | the body need not be read |
 * | when the request is valid | of a user, of a key, of all | only the body names the user |
 *
 * A request that is refused by one limit uses up none that is checked later, as far as a process knows the counts.
 *
 * Returns what counts the claims of a call with many; undefined where nothing is limited.
 */
export function limitRequests(
  app: HttpApp,
  options: LimitRequestsOptions,
): LimitEntries | undefined {
  const { rateLimits } = options;
  const parts = rateLimits && { ...rateLimits, ...limitedBy(options, rateLimits) };
  const hooks = parts && limitHooks(options, parts);
  app.addHook('onRoute', (route) => {
    if (!isLimited(route)) return;
    route.schema = describeRefusal(route.schema);
    if (hooks === undefined) return;
    const [onRequest, preHandler] = [route.onRequest ?? [], route.preHandler ?? []];
    route.onRequest = [hooks.beforeAccess, ...[onRequest].flat(), hooks.afterAccess];
    // The claims of a call with many are counted one by one, by what this function returns.
    if (route.config?.access === 'claim-batch') return;
    route.preHandler = [hooks.whenValid, ...[preHandler].flat()];
  });
  return parts && limitEntriesWith({ ...parts, claimRefused: options.claimRefused });
}

function isLimited({ url, config }: RouteOptions): boolean {
  return config?.access !== undefined && url.startsWith('/api/') && !isHealthPath(url);
}

/** Keys that replace each other belong to the same clients. */
const keyOfCaller: Partial<Record<Caller, string>> = {
  claim: 'claim',
  'claim-next': 'claim',
  admin: 'admin',
  'admin-next': 'admin',
  viewer: 'viewer',
};

/** The routes that concern one user, whom their path or their body names. */
const rulesOfOneUser = new Set<AccessRule | undefined>([
  ...(['claim', 'confirm-claim', 'release-claim', 'redeem-claim', 'claim-or-view'] as const),
]);

const sendRefusal: Record<LimitName, ReturnType<typeof fixedProblem>> = {
  ip: fixedProblem('rate_limited', detailsOfLimits.ip),
  key: fixedProblem('rate_limited', detailsOfLimits.key),
  user: fixedProblem('rate_limited', detailsOfLimits.user),
  all: fixedProblem('rate_limited', detailsOfLimits.all),
};

/** By what a request is limited. */
type LimitedBy = Pick<LimitEntriesOptions, 'addressOf' | 'keyOf' | 'speaksForUsers'>;

function limitedBy(
  { access }: LimitRequestsOptions,
  { trustedProxies }: Pick<RateLimits, 'trustedProxies'>,
): LimitedBy {
  const addressOf = clientAddressBy(trustedProxies);
  return {
    addressOf: ({ raw }) => addressOf(raw),
    keyOf: (request) => keyOfCaller[access.callerOf(request)],
    speaksForUsers: ({ caller }) => caller === 'claim' || caller === 'claim-next',
  };
}

function limitHooks(
  { claimRefused }: LimitRequestsOptions,
  { limits, refused, addressOf, keyOf, speaksForUsers }: RateLimits & LimitedBy,
): { beforeAccess: Check; afterAccess: Check; whenValid: Check } {
  const policy = Object.values(limits)
    .map(({ name, rate }) => `"${name}";q=${rate.requests};w=${rate.seconds}`)
    .join(', ');
  const charge = (name: LimitName, key: string | undefined): Charge[] => {
    const limit = limits[name];
    return limit === undefined || key === undefined ? [] : [{ limit, key }];
  };
  const ofAddress = (request: FastifyRequest) =>
    limits.ip === undefined ? [] : charge('ip', addressOf(request));
  const ofUser = (request: FastifyRequest) =>
    limits.user === undefined ? [] : charge('user', userOf(request, speaksForUsers(request)));
  const ofKey = (request: FastifyRequest) =>
    limits.key === undefined ? [] : charge('key', keyOf(request));
  const ofAll = charge('all', '');

  const refuse = (request: FastifyRequest, reply: FastifyReply, allowance: Allowance) => {
    const { name } = allowance.limit;
    refused(name);
    if (operationOf(request) === 'claimCoupon') claimRefused('rate_limited', couponOf(request));
    addToField(reply, [allowance]);
    sendRefusal[name](reply, allowance.resetSeconds);
  };
  const refuseUsedUp = (request: FastifyRequest, reply: FastifyReply, charges: Charge[]) => {
    const refusal = firstRefusal(charges);
    if (refusal !== undefined) refuse(request, reply, refusal);
    return refusal !== undefined;
  };
  const count = async (request: FastifyRequest, reply: FastifyReply, charges: Charge[]) => {
    const allowances = await Promise.all(charges.map(({ limit, key }) => limit.take(key)));
    const beyond = allowances.find(({ allowed }) => allowed === 0);
    if (beyond === undefined) addToField(reply, allowances);
    else refuse(request, reply, beyond);
  };
  const check: (charges: (request: FastifyRequest) => Charge[]) => Check =
    (chargesOf) => (request, reply, done) => {
      const charges = chargesOf(request);
      if (charges.length === 0) return done();
      // Fastify goes on when the promise resolves, unless the response is sent.
      return refuseUsedUp(request, reply, charges) ? undefined : count(request, reply, charges);
    };
  const checkAddress = check(ofAddress);
  return {
    beforeAccess(request, reply, done) {
      reply.header('RateLimit-Policy', policy);
      return checkAddress(request, reply, done);
    },
    afterAccess(request, reply, done) {
      if (!refuseUsedUp(request, reply, [...ofKey(request), ...ofAll])) done();
    },
    whenValid: check((request) => [...ofUser(request), ...ofKey(request), ...ofAll]),
  };
}

function firstRefusal(charges: Charge[]): Allowance | undefined {
  for (const { limit, key } of charges) {
    const refusal = limit.refusalOf(key);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** The user whom a request concerns, if the caller may speak for users. Anybody else could lock out a user by name. */
function userOf(
  { caller, userId, routeOptions, params, body }: FastifyRequest,
  speaksForUsers: boolean,
) {
  if (caller === 'user') return userId;
  if (!speaksForUsers) return undefined;
  if (!rulesOfOneUser.has(routeOptions.config.access)) return undefined;
  const named = { ...(body as object), ...(params as object) } as { user_id?: string };
  return named.user_id;
}

function operationOf({ routeOptions }: FastifyRequest): string | undefined {
  return (routeOptions.schema as { operationId?: string } | undefined)?.operationId;
}

/** The coupon that a claim names, once its body is read. */
function couponOf({ body }: FastifyRequest): string | undefined {
  return (body as { coupon_name: string } | undefined)?.coupon_name;
}
