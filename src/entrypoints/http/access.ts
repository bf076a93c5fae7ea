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

/** The rules for these keys. Keys are compared by their digests, in constant time. */
export function accessWith(keys: {
  adminApiKey: string | undefined;
  claimApiKey: string | undefined;
}): Access {
  const isAdminKey = keyTest(keys.adminApiKey);
  const isClaimKey = keyTest(keys.claimApiKey);
  const isAdmin = (request: FastifyRequest) => isAdminKey?.(request) ?? true;
  return {
    isAdmin,
    admin: ruleOf(isAdmin),
    claim: ruleOf((request) =>
      isClaimKey === undefined ? true : isClaimKey(request) || (isAdminKey?.(request) ?? false),
    ),
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

function keyTest(key: string | undefined): ((request: FastifyRequest) => boolean) | undefined {
  if (key === undefined) return undefined;
  const expected = digest(key);
  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined || !/^bearer /i.test(header)) return false;
    return timingSafeEqual(digest(header.slice('bearer '.length).trim()), expected);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
