// SPDX-License-Identifier: GPL-3.0-or-later
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const exposedHeaders = [
  'Age',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
];

// Chromium caches the response to a preflight no longer than this.
const preflightSeconds = 7200;

/** Lets pages of these origins read a response that is sent before the hooks of `applyCors` have run. */
export function corsHeaders(
  corsOrigins: readonly string[],
): (request: FastifyRequest, reply: FastifyReply) => void {
  const readers = new Set(corsOrigins);
  return ({ headers: { origin } }, reply) => {
    if (readers.size === 0) return;
    reply.header('Vary', 'Origin');
    if (origin === undefined || !readers.has(origin)) return;
    reply.header('Access-Control-Allow-Origin', origin);
    reply.header('Access-Control-Expose-Headers', exposedHeaders.join(', '));
  };
}

/** Lets pages of these origins call the service and read its responses. Must run before the routes are added. */
export async function applyCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  // Filled while the routes are added, and read for each preflight.
  const methods: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (url === '*') return;
    for (const one of [method].flat()) if (!methods.includes(one)) methods.push(one);
    methods.sort();
  });
  const setCorsHeaders = corsHeaders(origins);
  app.addHook('onRequest', (request, reply, done) => {
    // The plugin would treat every OPTIONS request as a preflight.
    if (request.method !== 'OPTIONS' || isPreflight(request)) return done();
    setCorsHeaders(request, reply);
    reply.callNotFound();
  });
  await app.register(cors, {
    origin: [...origins],
    methods,
    // The star stands for headers that client libraries add; it does not stand for Authorization.
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Prefer', '*'],
    exposedHeaders,
    maxAge: preflightSeconds,
    strictPreflight: false,
    hideOptionsRoute: true,
  });
}

function isPreflight({ headers }: FastifyRequest): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
