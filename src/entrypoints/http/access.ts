// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Actor } from '../../core/operator-log/operator-log.ts';
import type { TokenRefusal, UserTokens } from '../../core/user-tokens/user-tokens.ts';
import { type ApiKeys, bearerOf, type Caller, type KeyCaller, keyFinder } from './api-keys.ts';
import type { ConsoleSessions } from './sessions/console-sessions.ts';
import { isSameOrigin, sessionIdOf } from './sessions/session-cookie.ts';

/**
 * Who may call a route. A rule lets every caller through while the service has no key for it: the claim key or the keys of
 * user tokens for claims, these or the admin key for changes of claims, the admin key for all else.
 *
 * - `public`: every caller.
 * - `claim`: callers with the claim key or the admin key, and users. For claims.
 * - `claim-batch`: callers with these keys. For many claims in one call.
 * - `confirm-claim`: callers with these keys, and users where they may confirm.
 * - `release-claim`: the same as `claim`. Not for every release.
 * - `redeem-claim`: callers with these keys.
 * - `claim-or-view`: as `claim`, and callers with the viewer key. For reading one user's claim.
 * - `view`: callers with the viewer key or the admin key. For lists, exports and metrics, which change nothing.
 * - `admin`: callers with the admin key. For all that creates or changes.
 *
 * A user reaches no path of another user.
 */
export type AccessRule =
  | 'public'
  | 'claim'
  | 'claim-batch'
  | 'confirm-claim'
  | 'release-claim'
  | 'redeem-claim'
  | 'claim-or-view'
  | 'view'
  | 'admin';

/** A rule that some callers do not meet. */
export type ProtectingRule = Exclude<AccessRule, 'public'>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it, set when the route needs a key or a token. `anonymous` without one. */
    caller: Caller;
    /** The user of a token; undefined for every other caller. */
    userId: string | undefined;
  }
}

/** What decides who may call. */
export type AccessOptions = {
  /** The current keys, which may change at any time. */
  keys(): ApiKeys;
  /** Undefined: no user tokens are accepted. */
  userTokens?: UserTokens | undefined;
  /** Whether users may confirm their own claims. */
  usersMayConfirm?: boolean | undefined;
  /** Undefined: no cookie stands for a key. */
  sessions?: Pick<ConsoleSessions, 'remembered' | 'find' | 'check'> | undefined;
};

/** Decides for one request. */
export type Access = {
  /**
   * Why a request may not do what a rule protects; undefined if it may. Sets its caller. A promise only for a token that must
   * be verified first, or a session that must be read.
   */
  refusalOf(
    rule: ProtectingRule,
    request: FastifyRequest,
  ): AppError | undefined | Promise<AppError | undefined>;
  /**
   * Looks up the session of a request whose route needs no key, so that `callerOf` and `mayView` know it. Undefined where there
   * is nothing to look up. Never rejects: without an answer the request is one without a key.
   */
  recognise(request: FastifyRequest): Promise<void> | undefined;
  /**
   * Whether the sender of a request may still do what a rule protects. This is no use of a session. Rejects while it cannot be
   * found out.
   */
  isStillAllowed(rule: ProtectingRule, request: FastifyRequest): Promise<boolean>;
  /** Whose key this text is. */
  callerOfKey(key: string): KeyCaller;
  /** Whether every caller may do what a rule protects, for want of a key. */
  isOpen(rule: ProtectingRule): boolean;
  /** Who sends a request, also where its route needs no key. A user only where the rule of the route has found one. */
  callerOf(request: FastifyRequest): Caller;
  /** Whether a request may see what lists and exports show. */
  mayView(request: FastifyRequest): boolean;
  /**
   * Whether a request may do what is for operators: with the admin key, or without a key where there is no admin key. A
   * claim key never does, nor does a user. The access rule of the route has let the request through.
   */
  mayAdminister(request: FastifyRequest): boolean;
  /** Who makes a change, for the operator log. The access rule of the route has let the request through. */
  actorOf(request: FastifyRequest): Actor;
  /** Whether users may send their own tokens. */
  hasUserTokens: boolean;
};

/** A rule applies while one of these keys is set, or while user tokens are accepted. */
const keysOfRule: Record<ProtectingRule, readonly (keyof ApiKeys | 'userTokens')[]> = {
  claim: ['claimApiKey', 'userTokens'],
  'claim-batch': ['claimApiKey', 'userTokens'],
  'confirm-claim': ['claimApiKey', 'adminApiKey', 'userTokens'],
  'release-claim': ['claimApiKey', 'adminApiKey', 'userTokens'],
  'redeem-claim': ['claimApiKey', 'adminApiKey', 'userTokens'],
  'claim-or-view': ['claimApiKey', 'userTokens'],
  view: ['adminApiKey'],
  admin: ['adminApiKey'],
};

const keysForClaims: readonly Caller[] = ['claim', 'claim-next', 'admin', 'admin-next'];
const claimers: readonly Caller[] = [...keysForClaims, 'user'];
const admins: readonly Caller[] = ['admin', 'admin-next'];
const viewers: readonly Caller[] = [...admins, 'viewer'];

function allowedCallers(usersMayConfirm: boolean): Record<ProtectingRule, readonly Caller[]> {
  return {
    claim: claimers,
    'claim-batch': keysForClaims,
    'confirm-claim': usersMayConfirm ? claimers : keysForClaims,
    'release-claim': claimers,
    'redeem-claim': keysForClaims,
    'claim-or-view': [...claimers, 'viewer'],
    view: viewers,
    admin: admins,
  };
}

/** Decides by the current keys and by user tokens. */
export function accessWith(options: AccessOptions): Access {
  const { keys, userTokens, usersMayConfirm = false, sessions } = options;
  const findKey = keyFinder(keys);
  const allowed = allowedCallers(usersMayConfirm);
  const isOpen = (rule: ProtectingRule) => {
    const current = keys();
    return keysOfRule[rule].every((name) =>
      name === 'userTokens' ? userTokens === undefined : current[name] === undefined,
    );
  };
  const refusalOfUser = (rule: ProtectingRule, request: FastifyRequest, userId: string) => {
    request.caller = 'user';
    request.userId = userId;
    if (!allowed[rule].includes('user')) return refusals.userNotAllowed();
    const { user_id: userOfPath = userId } = request.params as { user_id?: string };
    return userOfPath === userId ? undefined : refusals.otherUser();
  };
  const refusalOfToken = async (
    { verify }: UserTokens,
    token: string,
    rule: ProtectingRule,
    request: FastifyRequest,
  ) => {
    const verdict = await verify(token);
    return 'refusal' in verdict
      ? refusals.notVerified(verdict.refusal)
      : refusalOfUser(rule, request, verdict.userId);
  };
  const idOf = (request: FastifyRequest) => sessions && sessionIdOf(request);
  const refusalOfCaller = (rule: ProtectingRule, request: FastifyRequest, caller: KeyCaller) => {
    request.caller = caller;
    return allowed[rule].includes(caller) ? undefined : refusals.otherKey(rule);
  };
  const refusalOfSession = (rule: ProtectingRule, request: FastifyRequest, id: string) => {
    const known = sessions?.remembered(id);
    if (known !== undefined) return refusalOfCaller(rule, request, known.caller);
    return sessions
      ?.find(id)
      .then((session) =>
        session === undefined
          ? refusals.sessionEnded()
          : refusalOfCaller(rule, request, session.caller),
      );
  };
  /** The key that a request carries or whose session it has, as far as this node knows the session. */
  const keyOf = (request: FastifyRequest): KeyCaller => {
    const id = idOf(request);
    if (id === undefined) return findKey(bearerOf(request.headers.authorization));
    return (isSameOrigin(request) && sessions?.remembered(id)?.caller) || 'anonymous';
  };
  const refusalOf: Access['refusalOf'] = (rule, request) => {
    const id = idOf(request);
    if (id !== undefined && !isSameOrigin(request)) return refusals.notOwnPage();
    if (isOpen(rule)) return undefined;
    if (id !== undefined) return refusalOfSession(rule, request, id);
    return refusalOfHeader(rule, request);
  };
  const refusalOfHeader: Access['refusalOf'] = (rule, request) => {
    const bearer = bearerOf(request.headers.authorization);
    const caller = findKey(bearer);
    if (caller !== 'anonymous') return refusalOfCaller(rule, request, caller);
    if (bearer === undefined || userTokens === undefined) return refusals.noKey(userTokens);
    const userId = userTokens.remembered(bearer);
    return userId === undefined
      ? refusalOfToken(userTokens, bearer, rule, request)
      : refusalOfUser(rule, request, userId);
  };
  return {
    hasUserTokens: userTokens !== undefined,
    refusalOf,
    recognise(request) {
      const id = idOf(request);
      if (id === undefined || !isSameOrigin(request)) return undefined;
      return sessions?.find(id).then(
        () => undefined,
        () => undefined,
      );
    },
    async isStillAllowed(rule, request) {
      const id = idOf(request);
      if (id === undefined || isOpen(rule)) return (await refusalOf(rule, request)) === undefined;
      const caller = await sessions?.check(id);
      return caller !== undefined && allowed[rule].includes(caller);
    },
    callerOfKey: findKey,
    isOpen,
    callerOf: (request) => (request.caller === 'anonymous' ? keyOf(request) : request.caller),
    mayView: (request) => isOpen('view') || viewers.includes(keyOf(request)),
    mayAdminister: ({ caller }) =>
      admins.includes(caller) || (caller === 'anonymous' && keys().adminApiKey === undefined),
    actorOf({ caller }) {
      return caller === 'admin' || caller === 'admin-next' ? caller : 'anonymous';
    },
  };
}

/** The fault of a user that claims for another one. */
export function otherUserRefused(): AppError {
  return refusals.otherUser();
}

const keysToSend: Record<ProtectingRule, string> = {
  claim: 'the claim key or the admin key',
  'claim-batch': 'the claim key or the admin key',
  'confirm-claim': 'the claim key or the admin key',
  'release-claim': 'the claim key or the admin key',
  'redeem-claim': 'the claim key or the admin key',
  'claim-or-view': 'the claim key, the admin key or the viewer key',
  view: 'the admin key or the viewer key',
  admin: 'the admin key',
};

const tokenDetails: Record<Exclude<TokenRefusal, 'no_keys' | 'overloaded'>, string> = {
  malformed: 'the credentials are neither a valid key nor a signed token of an accepted form',
  unknown_key: 'no known key can verify the token',
  bad_signature: 'the signature of the token is not valid',
  wrong_claims: 'a claim of the token is missing or not accepted; see iss, aud, sub, exp, nbf, iat',
  expired: 'the token has expired',
  not_yet_valid: 'the token is not valid yet',
};

const refusals = {
  noKey: (userTokens: UserTokens | undefined) =>
    new AppError('unauthorized', {
      detail:
        userTokens === undefined
          ? 'send a valid key as Authorization: Bearer <key>'
          : 'send a valid key or user token as Authorization: Bearer',
    }),
  sessionEnded: () =>
    new AppError('unauthorized', { detail: 'the session has ended; log in again' }),
  notOwnPage: () =>
    new AppError('cross_origin', {
      detail:
        'a request with a session needs Sec-Fetch-Site: same-origin, which browsers send from the pages of the service',
    }),
  otherKey: (rule: ProtectingRule) =>
    new AppError('forbidden', {
      detail: `this key is valid, but not for this call; send ${keysToSend[rule]}`,
    }),
  userNotAllowed: () =>
    new AppError('forbidden', { detail: 'this user token is valid, but not for this call' }),
  otherUser: () =>
    new AppError('forbidden', {
      detail: 'a user token is valid for the claims of its own user only',
    }),
  notVerified(refusal: TokenRefusal) {
    if (refusal === 'no_keys') {
      return new AppError('unavailable', { detail: 'user tokens cannot be verified now' });
    }
    if (refusal === 'overloaded') {
      return new AppError('overloaded', { detail: 'too many user tokens wait for their check' });
    }
    return new AppError('unauthorized', { detail: tokenDetails[refusal] });
  },
};
