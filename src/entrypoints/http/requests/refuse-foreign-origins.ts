// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../../core/errors.ts';
import { authorityIn } from './hosts.ts';
import { isOwnOrigin } from './origins.ts';
import { rememberLast } from './remember-last.ts';
import type { RequestCheck } from './request-check.ts';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses requests that may change something and come from a page of a foreign origin: such a page must not use the
 * browser of a visitor against this service. Clients that are no browsers send none of these headers.
 */
export function refuseForeignOrigins(corsOrigins: readonly string[]): RequestCheck {
  const invited = new Set(corsOrigins);
  const isOwn = rememberLast(isOwnOrigin);
  const isForeign = ({ headers, url }: FastifyRequest) => {
    const { origin, host = '', 'sec-fetch-site': site } = headers;
    if (origin !== undefined && invited.has(origin)) return false;
    if (site === 'cross-site') return true;
    if (origin === undefined || site === 'same-origin') return false;
    return !isOwn(origin, authorityIn(url) ?? host);
  };
  return (request) => {
    if (safeMethods.has(request.method) || !isForeign(request)) return undefined;
    return new AppError('cross_origin', {
      detail:
        'pages of other origins may not change anything; add the origin to CORS_ORIGINS to allow it',
    });
  };
}
