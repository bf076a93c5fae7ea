// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';

/** Who may call what. A rule without its key lets everybody through. */
export type Access = {
  /** For what creates, changes, lists or exports. */
  admin: onRequestHookHandler;
  /** For claiming, and for one user's claim; the admin's key opens these too. */
  claim: onRequestHookHandler;
  /** Whether the caller may see who holds a coupon. */
  isAdmin(request: FastifyRequest): boolean;
};

/** The keys that callers send; undefined where none is needed. */
export type ApiKeys = { adminApiKey: string | undefined; claimApiKey: string | undefined };

/** The rules for the keys of now, which may change at any time. Keys are compared by their digests, in constant time. */
export function accessWith(keys: () => ApiKeys): Access {
  const hasAdminKey = keyTest(() => keys().adminApiKey);
  const hasClaimKey = keyTest(() => keys().claimApiKey);
  const isAdmin = (request: FastifyRequest) => hasAdminKey(request) ?? true;
  return {
    isAdmin,
    admin: ruleOf(isAdmin),
    claim: ruleOf((request) => {
      const isClaimer = hasClaimKey(request) ?? true;
      return isClaimer || (hasAdminKey(request) ?? false);
    }),
  };
}

function ruleOf(allows: (request: FastifyRequest) => boolean): onRequestHookHandler {
  return (request, _reply, done) => {
    if (allows(request)) done();
    else
      done(
        new AppError('unauthorized', { detail: 'send a valid key as Authorization: Bearer <key>' }),
      );
  };
}

/** Whether a request has the key of now; undefined where there is none to have. */
function keyTest(
  keyOfNow: () => string | undefined,
): (request: FastifyRequest) => boolean | undefined {
  let known: { key: string; digest: Buffer } | undefined;
  return (request) => {
    const key = keyOfNow();
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
