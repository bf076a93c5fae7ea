// SPDX-License-Identifier: GPL-3.0-or-later
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../../core/errors.ts';
import { isHealthPath } from './health-paths.ts';
import { authorityIn, type HostRuleOptions, hostRule } from './hosts.ts';
import { isOwnOrigin } from './origins.ts';

/** What the rules for browsers rest on. */
export type BrowserRulesOptions = HostRuleOptions & {
  /** Origins that may call from a browser, as browsers send them. */
  corsOrigins: readonly string[];
};

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Keeps pages of other sites from using a visitor's browser against this service: a host that is not allowed gives away
 * DNS rebinding, and a changing request from a foreign origin is refused. Clients that are no browsers send none of
 * these headers. To be called before the routes are added.
 */
export async function applyBrowserRules(
  app: FastifyInstance,
  options: BrowserRulesOptions,
): Promise<void> {
  refuseForeignHosts(app, options);
  if (options.corsOrigins.length > 0) await inviteOrigins(app, options.corsOrigins);
  refuseForeignOrigins(app, new Set(options.corsOrigins));
}

function refuseForeignHosts(app: FastifyInstance, options: HostRuleOptions): void {
  const rule = hostRule(options);
  if (rule === undefined) return;
  const isAllowed = rememberingLast(rule.isAllowed);
  app.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.headers;
    const target = authorityIn(request.url);
    if (
      (host === undefined || isAllowed(host)) &&
      (target === undefined || rule.isAllowed(target))
    ) {
      return done();
    }
    // Load balancers probe under names of their own, and a page learns little from these answers.
    if (!options.loopbackOnly && isHealthPath(request.routeOptions.url)) return done();
    done(new AppError('host_not_allowed', { detail: rule.refusal }));
  });
}

function refuseForeignOrigins(app: FastifyInstance, corsOrigins: ReadonlySet<string>): void {
  const isOwn = rememberingLast(isOwnOrigin);
  /** Whether a page of another origin sent the request, and none that may. */
  const isForeign = ({ headers, url }: FastifyRequest) => {
    const { origin, host = '', 'sec-fetch-site': site } = headers;
    if (origin !== undefined && corsOrigins.has(origin)) return false;
    if (site === 'cross-site') return true;
    if (origin === undefined || site === 'same-origin') return false;
    return !isOwn(origin, authorityIn(url) ?? host);
  };
  app.addHook('onRequest', (request, _reply, done) => {
    if (safeMethods.has(request.method) || !isForeign(request)) return done();
    done(
      new AppError('cross_origin', {
        detail:
          'pages of other origins may not change anything; add the origin to CORS_ORIGINS to allow it',
      }),
    );
  });
}

const exposedHeaders = ['Idempotency-Replayed', 'Link', 'Location', 'Retry-After'];

/** Lets pages of these origins read an answer that is sent before the rules for browsers have run. */
export function answerReader(
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

// Chromium keeps the answer to a preflight no longer than this.
const preflightSeconds = 7200;

/** Lets pages of these origins call, and read what is answered. */
async function inviteOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  // Filled while the routes are added, and read for each preflight.
  const methods: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    if (url === '*') return;
    for (const one of [method].flat()) if (!methods.includes(one)) methods.push(one);
    methods.sort();
  });
  const letRead = answerReader(origins);
  app.addHook('onRequest', (request, reply, done) => {
    // The plugin takes every OPTIONS for a preflight.
    if (request.method !== 'OPTIONS' || isPreflight(request)) return done();
    letRead(request, reply);
    reply.callNotFound();
  });
  await app.register(cors, {
    origin: [...origins],
    methods,
    // The star is for what client libraries add by themselves. It does not stand for Authorization.
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

/** The same test, for texts that are nearly always those that passed last. */
function rememberingLast<Texts extends string[]>(
  test: (...texts: Texts) => boolean,
): (...texts: Texts) => boolean {
  let passed: Texts | undefined;
  return (...texts) => {
    if (passed !== undefined && texts.every((text, at) => text === passed?.[at])) return true;
    if (!test(...texts)) return false;
    passed = texts;
    return true;
  };
}
