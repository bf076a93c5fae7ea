// SPDX-License-Identifier: GPL-3.0-or-later
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../../core/errors.ts';

/** What the rules for browsers rest on. */
export type BrowserRulesOptions = {
  /** Whether the service is bound to loopback, and so is only for this machine. */
  loopbackOnly: boolean;
  /** Host names without port, IPv6 in brackets. */
  allowedHosts: readonly string[];
  /** Origins that may call from a browser. */
  corsOrigins: readonly string[];
};

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Keeps pages of other sites from using a visitor's browser against this service: on loopback a foreign `Host` gives
 * away DNS rebinding, and a changing request from a foreign origin is refused. Clients that are no browsers send none
 * of these headers.
 */
export async function applyBrowserRules(
  app: FastifyInstance,
  options: BrowserRulesOptions,
): Promise<void> {
  const allowedHosts = new Set(options.allowedHosts);
  const corsOrigins = new Set(options.corsOrigins);

  // Nearly all requests name the same host, so only another one is looked at.
  let lastAllowed: string | undefined;
  const isAllowed = (host: string) => {
    if (host === lastAllowed) return true;
    if (!isAllowedHost(host, allowedHosts)) return false;
    lastAllowed = host;
    return true;
  };

  app.addHook('onRequest', (request, _reply, done) => {
    const { host, origin } = request.headers;
    if (options.loopbackOnly && host !== undefined && !isAllowed(host)) {
      return done(
        new AppError('host_not_allowed', {
          detail: 'this Host is not loopback and not among ALLOWED_HOSTS',
        }),
      );
    }
    if (!safeMethods.has(request.method) && !(origin !== undefined && corsOrigins.has(origin))) {
      if (isCrossSite(request)) {
        return done(
          new AppError('cross_origin', {
            detail: 'pages of other origins may not change anything',
          }),
        );
      }
    }
    done();
  });

  if (corsOrigins.size > 0) {
    await app.register(cors, {
      origin: [...corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PATCH'],
      exposedHeaders: ['Idempotency-Replayed', 'Link', 'Location', 'Retry-After'],
      strictPreflight: false,
      hideOptionsRoute: true,
    });
  }
}

function isCrossSite(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  if (request.headers['sec-fetch-site'] === 'cross-site') return true;
  // The scheme is left out: behind a proxy that ends TLS the browser's is https and ours is http.
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host;
}

function isAllowedHost(host: string, allowedHosts: ReadonlySet<string>): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return isLoopbackName(name) || allowedHosts.has(name);
}

/** Whether a host name, IPv6 in brackets, always means this machine. */
function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
