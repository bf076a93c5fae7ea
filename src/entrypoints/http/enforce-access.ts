// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { AppError } from '../../core/errors.ts';
import type { Access, AccessRule, ProtectingRule } from './access.ts';
import { bearerOf } from './api-keys.ts';
import type { HttpApp } from './http-app.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route of the API declares it; `enforceAccess` applies it. */
    access?: AccessRule;
  }
}

/** In OpenAPI: the call needs a key if the service has one. */
const keyWhereSet = [{ key: [] }, {}];
const keyOrTokenWhereSet = [{ key: [] }, { userToken: [] }, {}];

const security: Record<ProtectingRule, readonly Record<string, string[]>[]> = {
  claim: keyOrTokenWhereSet,
  'claim-batch': keyWhereSet,
  'confirm-claim': keyOrTokenWhereSet,
  'release-claim': keyOrTokenWhereSet,
  'redeem-claim': keyWhereSet,
  'claim-or-view': keyOrTokenWhereSet,
  view: keyWhereSet,
  admin: keyWhereSet,
};

/**
 * Applies the access rule of each route that is added after this, and describes it in OpenAPI. A route without a rule
 * fails the start of the server, unless OpenAPI hides it as it hides the pages of the documentation.
 */
export function enforceAccess(app: HttpApp, access: Access): void {
  app.decorateRequest('caller', 'anonymous');
  app.decorateRequest('userId', undefined);
  app.addHook('onRoute', (route) => {
    const rule = route.config?.access;
    if (rule === undefined && !route.schema?.hide) {
      throw new Error(`the route ${route.method} ${route.url} declares no access rule`);
    }
    if (rule === undefined) return;
    if (rule === 'public') {
      route.onRequest = [recogniseWith(access), ...[route.onRequest ?? []].flat()];
      return;
    }
    route.onRequest = [guardOf(rule, access), ...[route.onRequest ?? []].flat()];
    route.schema = { ...route.schema, security: security[rule] };
  });
}

/** For what a route shows to some callers only, such as the holders of a coupon. */
function recogniseWith(access: Access): onRequestHookHandler {
  return (request, _reply, done) => {
    const looked = access.recognise(request);
    if (looked === undefined) done();
    else void looked.then(() => done());
  };
}

function guardOf(rule: ProtectingRule, access: Access): onRequestHookHandler {
  return (request, reply, done) => {
    const end = (refusal: AppError | undefined) => {
      if (refusal?.code === 'unauthorized') challenge(request, reply, access);
      done(refusal);
    };
    const refusal = access.refusalOf(rule, request);
    if (refusal instanceof Promise) void refusal.then(end, done);
    else end(refusal);
  };
}

/** As in RFC 6750: credentials that are not valid are called so. A request without any gets the plain challenge. */
function challenge({ headers }: FastifyRequest, reply: FastifyReply, access: Access): void {
  if (!access.hasUserTokens || bearerOf(headers.authorization) === undefined) return;
  reply.header('WWW-Authenticate', 'Bearer error="invalid_token"');
}
