// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyInstance } from 'fastify';

/**
 * Lets a request reach its route only when its path, as it was sent, is that of the route. The router alone takes also
 * a fixed part that is percent-encoded, an empty name, and `.` and `..` as names. Clients resolve those two before they
 * send a path, so no name of a coupon or a user can be one of them. Must be called before the routes are registered.
 */
export function requireExactPaths(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { url, prefix, onRequest = [] } = route;
    if (!url.startsWith('/')) return;
    // At the prefix of a plugin the framework takes also the path with a slash at its end, with the same hooks.
    const taken = [url, ...(url === prefix ? [`${url}/`] : [])].map((path) => path.split('/'));
    route.onRequest = [
      (request, reply, done) => {
        if (request.url === url) return done();
        const path = segmentsOf(request.url);
        if (taken.some((segments) => leadsTo(segments, path))) done();
        else reply.callNotFound();
      },
      ...[onRequest].flat(),
    ];
  });
}

/** The parts of the path in a request's target, which may be a whole URL. */
export function segmentsOf(target: string): string[] {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/, '').split('?', 1);
  return path.split('/');
}

/** Whether a path is that of a route. A `*` at the end of a route stands for one part or more. */
export function leadsTo(route: readonly string[], path: readonly string[]): boolean {
  const isOpen = route.at(-1) === '*';
  if (isOpen ? path.length < route.length : path.length !== route.length) return false;
  return path.every((segment, index) => {
    const expected = route[index] ?? '*';
    return expected === '*' || expected.startsWith(':') ? isName(segment) : segment === expected;
  });
}

/** Whether a part of a path can name something. A fragment is none of the server's business, and in no valid path. */
function isName(segment: string): boolean {
  return segment !== '' && !/^(?:\.|%2e){1,2}$/i.test(segment) && !segment.includes('#');
}
