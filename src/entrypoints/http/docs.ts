// SPDX-License-Identifier: GPL-3.0-or-later
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { describeEvents } from './describe-events.ts';
import type { HttpApp } from './http-app.ts';

/** Generates OpenAPI from the routes that are added after this. */
export async function describeRoutes(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'firstcome',
        version,
        description:
          'Flash-sale coupon claims: first come, first served, exactly. Every response is sent after its commit.',
        license: { name: 'GPL-3.0-or-later', identifier: 'GPL-3.0-or-later' },
      },
      servers: [{ url: '/', description: 'The service that this document comes from' }],
      tags: [
        { name: 'coupons', description: 'Create, read and change coupons' },
        { name: 'claims', description: 'Claim a unit, and read claims' },
        { name: 'operators', description: 'What operators did' },
        { name: 'webhooks', description: 'Send events to other programs' },
        { name: 'sagas', description: 'Read sagas, and decide on those that need attention' },
        { name: 'dead letters', description: 'Queued claims that could not be decided' },
        { name: 'events', description: 'What the receiver of a webhook gets' },
        { name: 'console', description: 'Log in to the console, and out' },
        { name: 'health', description: 'Health and metrics' },
      ],
      webhooks: describeEvents(),
      // One of the two: a key is required only where the service has one.
      security: [{}, { key: [] }],
      components: {
        securitySchemes: {
          key: {
            type: 'http',
            scheme: 'bearer',
            description: 'ADMIN_API_KEY, CLAIM_API_KEY or VIEWER_API_KEY, if the service has them',
          },
          userToken: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: "A user's own signed token, if the service accepts them",
          },
        },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      letBodiesBeAbsent(document.openapiObject.paths);
      letUsersBeAbsent(document.openapiObject.paths);
      return document.openapiObject;
    },
  });
}

/** The parts of an operation that say whether its body may be absent. */
type Operation = { requestBody?: { required?: boolean; content: Record<string, JsonContent> } };
type JsonContent = { schema?: { required?: string[]; minProperties?: number } };

/** The generator requires every body. An absent one counts as an empty object, so it is required where that is refused. */
function letBodiesBeAbsent(paths: Record<string, object | undefined> = {}): void {
  for (const operations of Object.values(paths as Record<string, Record<string, Operation>>)) {
    for (const { requestBody } of Object.values(operations)) {
      if (requestBody === undefined) continue;
      const { required = [], minProperties = 0 } =
        requestBody.content['application/json']?.schema ?? {};
      requestBody.required = required.length > 0 || minProperties > 0;
    }
  }
}

/** With a user token the `user_id` of a claim may be left out; for all others the service itself requires it. */
function letUsersBeAbsent(paths: Record<string, object | undefined> = {}): void {
  const claim = paths['/api/coupons/claim'] as { post?: Operation } | undefined;
  const content = claim?.post?.requestBody?.content['application/json'];
  if (content?.schema === undefined) return;
  const { required = [] } = content.schema;
  content.schema = { ...content.schema, required: required.filter((name) => name !== 'user_id') };
}

// Everything from this host only. The style attributes of the page need `unsafe-inline`.
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves `/openapi.json` and `/docs`, a page that shows it. Neither loads anything from another host. */
export async function serveDocs(app: HttpApp): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    uiConfig: { validatorUrl: null, url: '/openapi.json' },
    theme: { title: 'firstcome API' },
  });
}
