// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyInstance } from 'fastify';
import { sendProblem } from './problem.ts';

/**
 * Answers what no route takes: 405 with `Allow` where the path has other methods, else 404. Must be called before the
 * routes are registered.
 */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const routes: { segments: string[]; method: string }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    for (const one of [method].flat()) routes.push({ segments: url.split('/'), method: one });
  });

  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?', 1);
    const segments = path.split('/');
    const methods = routes
      .filter((route) => matches(route.segments, segments))
      .map((r) => r.method);
    if (methods.length === 0) {
      return sendProblem(reply, {
        code: 'route_not_found',
        detail: 'there is nothing at this path; /docs lists all calls',
      });
    }
    reply.header('Allow', [...new Set(methods)].sort().join(', '));
    return sendProblem(reply, {
      code: 'method_not_allowed',
      detail: `this path does not take ${request.method}`,
    });
  });
}

function matches(route: string[], path: string[]): boolean {
  return (
    route.length === path.length &&
    route.every((segment, index) =>
      segment.startsWith(':') ? path[index] !== '' : segment === path[index],
    )
  );
}
