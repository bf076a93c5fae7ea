// SPDX-License-Identifier: GPL-3.0-or-later
import type { Route } from '../route.ts';
import { HealthBody, LivenessBody, toHealthBody } from '../schemas/health.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';

const problems = problemResponses(403, 503);
const response = {
  ...problems,
  200: ref(HealthBody),
  503: {
    ...problems[503],
    description: 'Claims cannot be decided; a problem if the service is stopping.',
    content: { 'application/json': { schema: ref(HealthBody) }, ...problems[503]?.content },
  },
};

/** `/health` and `/readyz`: whether claims can be decided. `/livez`: whether the process responds. */
export const healthRoute: Route = (app, { checkHealth, healthFacts, isReady }) => {
  const routes = [
    { path: '/health', operationId: 'readHealth', duringDrain: true },
    { path: '/api/health', operationId: 'readApiHealth', duringDrain: true },
    { path: '/readyz', operationId: 'readReadiness', duringDrain: false },
  ];
  for (const { path, operationId, duringDrain } of routes) {
    const summary = duringDrain
      ? 'Whether claims can be decided now'
      : 'Whether claims can be decided now; unhealthy while the service stops';
    app.get(
      path,
      {
        config: { access: 'public' },
        schema: { operationId, security: [], tags: ['health'], summary, response },
      },
      async (_, reply) => {
        const health = await checkHealth();
        const healthy = health.healthy && (duringDrain || isReady());
        reply.code(healthy ? 200 : 503);
        return toHealthBody(healthFacts, { ...health, healthy });
      },
    );
  }

  app.get(
    '/livez',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'readLiveness',
        security: [],
        tags: ['health'],
        summary: 'Whether the process responds',
        response: {
          200: ref(LivenessBody),
          ...problemResponses(403, 503),
        },
      },
    },
    async () => ({ status: 'alive' as const }),
  );
};
