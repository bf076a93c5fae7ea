// SPDX-License-Identifier: GPL-3.0-or-later
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { HttpApp } from './route.ts';

/** Generates OpenAPI from the routes that are registered after this. */
export async function describeRoutes(app: HttpApp, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'firstcome',
        version,
        description:
          'Flash-sale coupon claims: first come, first served, exactly. Every answer is sent after its commit.',
        license: { name: 'GPL-3.0-or-later', identifier: 'GPL-3.0-or-later' },
      },
      tags: [
        { name: 'coupons', description: 'Offer, read and change coupons' },
        { name: 'claims', description: 'Claim, and see who claimed' },
        { name: 'health', description: 'Whether it works, and how' },
      ],
      // Either or: keys are asked for only where they are set.
      security: [{}, { key: [] }],
      components: {
        securitySchemes: {
          key: {
            type: 'http',
            scheme: 'bearer',
            description: 'ADMIN_API_KEY or CLAIM_API_KEY, where they are set',
          },
        },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  });
}

// Only from here; the page's own style attributes are what needs `unsafe-inline`.
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

/** Serves `/openapi.json`, and `/docs` for reading it; neither loads anything from another host. */
export async function serveDocs(app: HttpApp): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    uiConfig: { validatorUrl: null, url: '/openapi.json' },
    theme: { title: 'firstcome API' },
  });
}
