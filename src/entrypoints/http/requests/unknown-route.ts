// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyInstance } from 'fastify';
import { sendProblem } from '../problems/problem.ts';
import { leadsTo, segmentsOf } from './exact-paths.ts';

/**
 * Answers requests that no route matches: 405 with `Allow` where the path has other methods, else 404. Must run before
 * the routes are added.
 */
export function answerUnknownRoutes(app: FastifyInstance): void {
  const routes: { segments: string[]; method: string }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (!url.startsWith('/')) return;
    const segments = url.split('/');
    for (const one of [method].flat()) {
      routes.push({ segments, method: one });
      // Fastify does not report the GET that it adds for a path with a slash at its end.
      if (one === 'HEAD') routes.push({ segments, method: 'GET' });
    }
  });

  app.setNotFoundHandler((request, reply) => {
    const path = segmentsOf(request.url);
    const methods = routes.filter(({ segments }) => leadsTo(segments, path)).map((r) => r.method);
    // A route for files supports the method, but the file does not exist.
    if (methods.length === 0 || methods.includes(request.method)) {
      return sendProblem(reply, {
        code: 'route_not_found',
        detail: 'there is nothing at this path; /docs lists all calls',
      });
    }
    const allowed = [...new Set(methods)].sort().join(', ');
    reply.header('Allow', allowed);
    return sendProblem(reply, {
      code: 'method_not_allowed',
      detail: `this path does not take ${request.method}, but ${allowed}`,
    });
  });
}
