// SPDX-License-Identifier: GPL-3.0-or-later
import { AppError } from '../../../core/errors.ts';
import type { RequestCheck } from '../requests/request-check.ts';
import { connectionOf } from './connection.ts';
import type { Connections } from './connections.ts';

// Each request under way takes memory; clients that pipeline at all send far fewer ahead.
const pipelinedMax = 1000;

/**
 * Refuses requests on connections beyond the limit, unless `isAlwaysServed`, and on any connection those after a thousand
 * that are under way. Node reads no further requests while that many wait for their responses.
 */
export function refuseBeyondLimit(
  connections: Connections,
  isAlwaysServed: (url: string) => boolean,
): RequestCheck {
  return (request) => {
    const connection = connectionOf(request.raw.socket);
    if (connection === undefined) return undefined;
    if (connection.handled - connection.answers > pipelinedMax) {
      const detail = 'too many requests are under way on this connection; wait for their answers';
      return new AppError('overloaded', { detail });
    }
    if (!connection.isBeyond || isAlwaysServed(request.url)) return undefined;
    connections.countRefused();
    return new AppError('overloaded', { detail: 'too many connections are open' });
  };
}
