// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import type { Route } from '../route.ts';
import { problemResponses } from '../schemas/responses.ts';
import { sendHead } from '../send-head.ts';

/** `GET /metrics`: the metrics that Prometheus scrapes. */
export const metricsRoute: Route = (app, { metricsText, metricsType }) => {
  app.get(
    '/metrics',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readMetrics',
        tags: ['health'],
        summary: 'Metrics in the Prometheus text format',
        produces: ['text/plain'],
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: Type.String() } } },
          ...problemResponses(401, 403),
        },
      },
    },
    async (request, reply) => {
      if (request.method === 'HEAD') return sendHead(reply, metricsType);
      const { contentType, text } = await metricsText();
      return reply.header('Content-Type', contentType).send(text);
    },
  );
};
