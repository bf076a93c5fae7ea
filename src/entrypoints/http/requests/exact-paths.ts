// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyInstance } from 'fastify';

/**
 * Treats a request as unknown unless its path, as it was sent, is exactly that of the route. Fastify would also accept a
 * fixed segment that is percent-encoded, an empty name, and `.` and `..` as names. Clients resolve those two before they
 * send a path, so they can be no names of coupons or users. Must run before the routes are added.
 */
export function requireExactPaths(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { url, prefix, onRequest = [] } = route;
    if (!url.startsWith('/')) return;
    // At the prefix of a plugin Fastify also accepts the path with a slash at its end, with the same hooks.
    const accepted = [url, ...(url === prefix ? [`${url}/`] : [])].map((path) => path.split('/'));
    route.onRequest = [
      (request, reply, done) => {
        if (request.url === url) return done();
        const path = segmentsOf(request.url);
        if (accepted.some((segments) => leadsTo(segments, path))) done();
        else reply.callNotFound();
      },
      ...[onRequest].flat(),
    ];
  });
}

/** The segments of the path in a request target, which may be a full URL. */
export function segmentsOf(target: string): string[] {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/, '').split('?', 1);
  return path.split('/');
}

/** Whether a path belongs to a route. A `*` at the end of a route stands for one or more segments. */
export function leadsTo(route: readonly string[], path: readonly string[]): boolean {
  const isOpen = route.at(-1) === '*';
  if (isOpen ? path.length < route.length : path.length !== route.length) return false;
  return path.every((segment, index) => {
    const expected = route[index] ?? '*';
    return expected === '*' || expected.startsWith(':') ? isName(segment) : segment === expected;
  });
}

/** Whether a segment can be a name. A `#` starts a fragment, which no valid request target has. */
function isName(segment: string): boolean {
  return segment !== '' && !/^(?:\.|%2e){1,2}$/i.test(segment) && !segment.includes('#');
}
