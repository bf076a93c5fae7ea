// SPDX-License-Identifier: GPL-3.0-or-later
import { type Static, Type } from 'typebox';
import { durabilityLevels, type Health, unhealthyReasons } from '../../../core/health.ts';
import type { HealthFacts, Route } from '../route.ts';

const HealthBody = Type.Object({
  status: Type.Enum(['healthy', 'unhealthy']),
  version: Type.String(),
  database: Type.Enum(['bundled', 'external']),
  durability: Type.Optional(
    Type.Enum([...durabilityLevels], {
      description:
        'What an acknowledged claim outlives: the loss of the primary (replicated), a crash and the loss of power ' +
        '(local), or neither (unsafe). Absent while the database does not answer.',
    }),
  ),
  reason: Type.Optional(
    Type.Enum([...unhealthyReasons], {
      description:
        'Why it is unhealthy, where more is known than that the database cannot decide claims. installation_changed: the ' +
        'database is not the one that the service was started on, so it was replaced or restored. All calls are ' +
        'unavailable until the right one is back, or a restart of the service accepts this one.',
    }),
  ),
  anonymous_admin: Type.Optional(
    Type.Boolean({ description: 'Present and true where anybody may create and list.' }),
  ),
});

const response = { 200: HealthBody, 503: HealthBody };

/** `/health` and `/readyz`: whether claims can be decided. `/livez`: whether the process answers at all. */
export const healthRoute: Route = (app, { checkHealth, healthFacts, isReady }) => {
  const routes = [
    { path: '/health', operationId: 'readHealth', whileStopping: true },
    { path: '/api/health', operationId: 'readApiHealth', whileStopping: true },
    { path: '/readyz', operationId: 'readReadiness', whileStopping: false },
  ];
  for (const { path, operationId, whileStopping } of routes) {
    const summary = whileStopping
      ? 'Whether claims can be decided now'
      : 'The same; unhealthy while the service stops';
    app.get(
      path,
      { schema: { operationId, security: [], tags: ['health'], summary, response } },
      async (_, reply) => {
        const health = await checkHealth();
        const healthy = health.healthy && (whileStopping || isReady());
        reply.code(healthy ? 200 : 503);
        return toHealthBody(healthFacts, { ...health, healthy });
      },
    );
  }

  app.get(
    '/livez',
    {
      schema: {
        operationId: 'readLiveness',
        security: [],
        tags: ['health'],
        summary: 'Whether the process answers',
        response: { 200: Type.Object({ status: Type.Literal('alive') }) },
      },
    },
    async () => ({ status: 'alive' as const }),
  );
};

function toHealthBody(facts: HealthFacts, health: Health): Static<typeof HealthBody> {
  return {
    status: health.healthy ? 'healthy' : 'unhealthy',
    version: facts.version,
    database: facts.database,
    ...(health.durability && { durability: health.durability }),
    ...(health.reason && { reason: health.reason }),
    ...(facts.anonymousAdmin && { anonymous_admin: true }),
  };
}
