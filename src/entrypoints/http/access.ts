// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Actor } from '../../core/operator-log/operator-log.ts';
import { type ApiKeys, type Caller, keyFinder } from './api-keys.ts';
import type { HttpApp } from './http-app.ts';

/**
 * Who may call a route. A rule lets every caller through while the service has no key for it: the claim key for claims,
 * either key for changes of claims, the admin key for all else.
 *
 * - `public`: every caller.
 * - `claim`: callers with the claim key or the admin key. For claims.
 * - `change-claim`: the same callers. For confirming, releasing and redeeming; not for every release.
 * - `claim-or-view`: these, and callers with the viewer key. For reading one user's claim.
 * - `view`: callers with the viewer key or the admin key. For lists, exports and metrics, which change nothing.
 * - `admin`: callers with the admin key. For all that creates or changes.
 */
export type AccessRule = 'public' | 'claim' | 'change-claim' | 'claim-or-view' | 'view' | 'admin';

type KeyRule = Exclude<AccessRule, 'public'>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route of the API declares it; `enforceAccess` applies it. */
    access?: AccessRule;
  }
  interface FastifyRequest {
    /** Whose key it carries, set when the route needs a key. `anonymous` without one. */
    caller: Caller;
  }
}

/** Decides for one request. */
export type Access = {
  /** Why a request may not do what a rule protects; undefined if it may. */
  refusalOf(rule: KeyRule, request: FastifyRequest): 'unauthorized' | 'forbidden' | undefined;
  /** Whether a request may see what lists and exports show. */
  mayView(request: FastifyRequest): boolean;
  /**
   * Whether a request may do what is for operators: with the admin key, or without a key where there is no admin key. A
   * claim key never does. The access rule of the route has let the request through.
   */
  mayAdminister(request: FastifyRequest): boolean;
  /** Who makes a change, for the operator log. The access rule of the route has let the request through. */
  actorOf(request: FastifyRequest): Actor;
};

/** A rule applies while one of these keys is set. */
const keysOfRule: Record<KeyRule, readonly (keyof ApiKeys)[]> = {
  claim: ['claimApiKey'],
  'change-claim': ['claimApiKey', 'adminApiKey'],
  'claim-or-view': ['claimApiKey'],
  view: ['adminApiKey'],
  admin: ['adminApiKey'],
};

const claimers: readonly Caller[] = ['claim', 'claim-next', 'admin', 'admin-next'];
const admins: readonly Caller[] = ['admin', 'admin-next'];
const allowedCallers: Record<KeyRule, readonly Caller[]> = {
  claim: claimers,
  'change-claim': claimers,
  'claim-or-view': [...claimers, 'viewer'],
  view: [...admins, 'viewer'],
  admin: admins,
};

/** Decides by the current keys, which may change at any time. */
export function accessWith(keys: () => ApiKeys): Access {
  const findKey = keyFinder(keys);
  const refusalOf: Access['refusalOf'] = (rule, request) => {
    const current = keys();
    if (keysOfRule[rule].every((name) => current[name] === undefined)) return undefined;
    const caller = findKey(request.headers.authorization);
    if (caller === 'anonymous') return 'unauthorized';
    request.caller = caller;
    return allowedCallers[rule].includes(caller) ? undefined : 'forbidden';
  };
  return {
    refusalOf,
    mayView: (request) => refusalOf('view', request) === undefined,
    mayAdminister: ({ caller }) =>
      admins.includes(caller) || (caller === 'anonymous' && keys().adminApiKey === undefined),
    actorOf({ caller }) {
      return caller === 'admin' || caller === 'admin-next' ? caller : 'anonymous';
    },
  };
}

/** In OpenAPI: the call needs a key if the service has one. */
const keyWhereSet = [{ key: [] }, {}];

/**
 * Applies the access rule of each route that is added after this, and describes it in OpenAPI. A route without a rule
 * fails the start of the server, unless OpenAPI hides it as it hides the pages of the documentation.
 */
export function enforceAccess(app: HttpApp, access: Access): void {
  const guards: Record<KeyRule, onRequestHookHandler> = {
    claim: guardOf('claim', access),
    'change-claim': guardOf('change-claim', access),
    'claim-or-view': guardOf('claim-or-view', access),
    view: guardOf('view', access),
    admin: guardOf('admin', access),
  };
  app.decorateRequest('caller', 'anonymous');
  app.addHook('onRoute', (route) => {
    const rule = route.config?.access;
    if (rule === undefined && !route.schema?.hide) {
      throw new Error(`the route ${route.method} ${route.url} declares no access rule`);
    }
    if (rule === undefined || rule === 'public') return;
    route.onRequest = [guards[rule], ...[route.onRequest ?? []].flat()];
    route.schema = { ...route.schema, security: keyWhereSet };
  });
}

const unauthorizedDetail = 'send a valid key as Authorization: Bearer <key>';
const keysToSend: Record<KeyRule, string> = {
  claim: 'the claim key or the admin key',
  'change-claim': 'the claim key or the admin key',
  'claim-or-view': 'the claim key, the admin key or the viewer key',
  view: 'the admin key or the viewer key',
  admin: 'the admin key',
};

function guardOf(rule: KeyRule, { refusalOf }: Access): onRequestHookHandler {
  const details = {
    unauthorized: unauthorizedDetail,
    forbidden: `this key is valid, but not for this call; send ${keysToSend[rule]}`,
  };
  return (request, _reply, done) => {
    const refusal = refusalOf(rule, request);
    if (refusal === undefined) done();
    else done(new AppError(refusal, { detail: details[refusal] }));
  };
}
