// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../parts.ts';
import { keyWhereSet, problemResponses } from '../schemas.ts';

/** `GET /metrics`: what Prometheus scrapes. */
export const metricsRoute: Route = (app, { metricsText, access }) => {
  app.get(
    '/metrics',
    {
      onRequest: access.admin,
      schema: {
        operationId: 'readMetrics',
        security: keyWhereSet,
        tags: ['health'],
        summary: 'Metrics in the Prometheus text format',
        produces: ['text/plain'],
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } },
          ...problemResponses(401),
        },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await metricsText();
      return reply.header('Content-Type', contentType).send(text);
    },
  );
};
