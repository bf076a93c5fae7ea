// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Actor } from '../../core/operator-log/operator-log.ts';
import type { HttpApp } from './http-app.ts';

/**
 * Who may call a route. A rule whose key is not set lets every caller through.
 *
 * - `public`: every caller.
 * - `claim`: callers with the claim key or the admin key. For claims, and for reading one user's claim.
 * - `view`: callers with the admin key. For lists, exports and metrics, which change nothing.
 * - `admin`: callers with the admin key. For all that creates or changes.
 */
export type AccessRule = 'public' | 'claim' | 'view' | 'admin';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route of the API declares it; `enforceAccess` applies it. */
    access?: AccessRule;
  }
}

/** The keys that callers send; undefined where none is needed. */
export type ApiKeys = { adminApiKey: string | undefined; claimApiKey: string | undefined };

/** Decides for one request. */
export type Access = Record<
  'mayClaim' | 'mayView' | 'mayAdminister',
  (request: FastifyRequest) => boolean
> & {
  /** Who makes a change, for the operator log. The access rule of the route has let the request through. */
  actorOf(request: FastifyRequest): Actor;
};

/** Decides by the current keys, which may change at any time. Compares digests of keys, in constant time. */
export function accessWith(keys: () => ApiKeys): Access {
  const hasAdminKey = keyTest(() => keys().adminApiKey);
  const hasClaimKey = keyTest(() => keys().claimApiKey);
  const mayAdminister = (request: FastifyRequest) => hasAdminKey(request) ?? true;
  return {
    mayAdminister,
    mayView: mayAdminister,
    actorOf: (request) => (hasAdminKey(request) ? 'admin' : 'anonymous'),
    mayClaim: (request) => (hasClaimKey(request) ?? true) || (hasAdminKey(request) ?? false),
  };
}

/** In OpenAPI: the call needs a key if the service has one. */
const keyWhereSet = [{ key: [] }, {}];

/**
 * Applies the access rule of each route that is added after this, and describes it in OpenAPI. A route without a rule
 * fails the start of the server, unless OpenAPI hides it as it hides the pages of the documentation.
 */
export function enforceAccess(app: HttpApp, access: Access): void {
  const guards: Record<Exclude<AccessRule, 'public'>, onRequestHookHandler> = {
    claim: guardOf(access.mayClaim),
    view: guardOf(access.mayView),
    admin: guardOf(access.mayAdminister),
  };
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

function guardOf(allows: (request: FastifyRequest) => boolean): onRequestHookHandler {
  return (request, _reply, done) => {
    if (allows(request)) done();
    else
      done(
        new AppError('unauthorized', { detail: 'send a valid key as Authorization: Bearer <key>' }),
      );
  };
}

/** Whether a request carries the current key; undefined while there is no key. */
function keyTest(
  currentKey: () => string | undefined,
): (request: FastifyRequest) => boolean | undefined {
  let known: { key: string; digest: Buffer } | undefined;
  return (request) => {
    const key = currentKey();
    if (key === undefined) return undefined;
    if (known?.key !== key) known = { key, digest: digest(key) };
    const header = request.headers.authorization;
    if (header === undefined || !/^bearer /i.test(header)) return false;
    return timingSafeEqual(digest(header.slice('bearer '.length).trim()), known.digest);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
